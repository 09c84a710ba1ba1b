/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/read.h"

asx_st eng_model_read(const struct model *m, const struct data_options *how, const struct event_sink *sink, const char *path,
                      bool all, const struct asx_frame **out, struct asx_err *err)
{
    struct data_type *types = mem_calloc(m->mem, (size_t)m->columns + 1, sizeof *types);
    const char **keep = mem_calloc(m->mem, (size_t)m->columns + 1, sizeof *keep);
    asx_st st = types && keep ? ASX_OK : err_set(err, ASX_E_NOMEM, "no memory to read the data");
    for (int i = 0; st == ASX_OK && i < m->columns; i++) {
        const struct model_column *c = &m->column[i];
        types[i] = (struct data_type){c->name, c->type, c->type == ASX_DATETIME ? (c->day_first ? 2 : 1) : 0, c->comma};
        keep[i] = c->name;
    }
    struct data_options o = {.header = how->header,
                             .delimiter = how->delimiter,
                             .missing = (const char *const *)m->missing,
                             .types = types,
                             .n_types = (size_t)m->columns,
                             .lenient = true,
                             .keep = m->columns && !all ? keep : NULL,
                             .par = how->par};
    struct asx_frame *frame = NULL;
    if (st == ASX_OK)
        st = data_read(&o, path, NULL, sink, &frame, err);
    mem_free(types);
    mem_free(keep);
    *out = frame;
    return st;
}
