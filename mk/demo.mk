# SPDX-License-Identifier: Apache-2.0
# make demo: the main job on real data: the plan, a search of 20 s, a leaderboard, an HTML report, a saved model, predictions.
DEMO := $(B)/demo
demo:
	@+$(MAKE) --no-print-directory -j$(shell nproc) $(B)/assay
	@mkdir -p $(DEMO)
	@printf '\n$$ assay explain examples/credit/task.yaml\n'
	@$(B)/assay explain examples/credit/task.yaml --catalog $(DEMO)/catalog.db | sed -n 1,40p
	@printf '\n$$ assay run examples/credit/task.yaml --model $(DEMO)/model.assay --report $(DEMO)/report.html\n'
	@$(B)/assay run examples/credit/task.yaml --catalog $(DEMO)/catalog.db --model $(DEMO)/model.assay --report $(DEMO)/report.html
	@printf '\n$$ assay predict $(DEMO)/model.assay examples/credit/test.csv --proba --out $(DEMO)/predictions.csv\n'
	@$(B)/assay predict $(DEMO)/model.assay examples/credit/test.csv --proba --out $(DEMO)/predictions.csv
	@head -n 6 $(DEMO)/predictions.csv
	@printf '\nleaderboard above; report in $(DEMO)/report.html, model in $(DEMO)/model.assay, predictions in $(DEMO)/predictions.csv\n'
