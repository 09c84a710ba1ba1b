# SPDX-License-Identifier: Apache-2.0
# The HTML report's style sheet, script and Chart.js (Debian: libjs-chart.js) become C arrays.
CHART_JS ?= /usr/share/javascript/chart.js/chart.min.js
REPORT_ASSETS := $(B)/obj/gen/report_assets.o
$(B)/gen/report_assets.c: tools/embed.sh tasks/report/page.css tasks/report/page.js $(wildcard $(CHART_JS))
	@mkdir -p $(@D)
	@tools/embed.sh report_css tasks/report/page.css report_js tasks/report/page.js report_chart_js $(CHART_JS) > $@.tmp && mv $@.tmp $@
objects $(B)/internal/libassay.a: $(REPORT_ASSETS)
