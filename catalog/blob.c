/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blob's file is in place before its row is committed, so a row never names a file that
 * was not written; a crash in between leaves a file without a row, which cat_gc removes.
 * cat_gc unlinks inside its write transaction, and blob_insert looks for the file inside
 * its own, so the two cannot pass each other unseen.
 */
#include "catalog/blob.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "catalog/store.h"

#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum { RAW, ZSTD_ROW, ZSTD_FILE }; /* blobs.encoding */
enum { LEVEL = 1 };                /* predictions hardly compress: speed matters */

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "out of memory for a blob of the catalog; raise the memory limit");
}

char *blob_path(struct cat *cat, struct asx_key key)
{
    char hex[KEY_HEX];
    key_hex(key, hex);
    return mem_printf(cat->mem, "%s/%.2s/%s.zst", cat->blob_dir, hex, hex);
}

static asx_st write_file(struct cat *cat, const struct blob_new *b, struct asx_err *err)
{
    char *path = blob_path(cat, b->hash);
    if (!path)
        return no_memory(err);
    asx_st st = ASX_OK;
    if (access(path, F_OK) != 0) {
        st = file_make_parent(path, err);
        if (st == ASX_OK)
            st = file_write(path, b->owned, b->bytes, err);
    }
    mem_free(path);
    return st;
}

asx_st blob_prepare(struct cat *cat, const void *data, size_t size, struct blob_new *b, struct asx_err *err)
{
    *b = (struct blob_new){.hash = hash_of(data, size), .size = size, .encoding = RAW, .data = data, .bytes = size, .raw = data};
    if (size < CAT_BLOB_INLINE)
        return ASX_OK;
    size_t bound = ZSTD_compressBound(size);
    b->owned = mem_alloc(cat->mem, bound);
    if (!b->owned)
        return no_memory(err);
    b->bytes = ZSTD_compress(b->owned, bound, data, size, LEVEL);
    if (ZSTD_isError(b->bytes))
        return no_memory(err); /* the only way it fails with a buffer of that size */
    b->encoding = cat->in_memory ? ZSTD_ROW : ZSTD_FILE;
    b->data = b->encoding == ZSTD_FILE ? NULL : b->owned;
    return b->encoding == ZSTD_FILE ? write_file(cat, b, err) : ASX_OK;
}

void blob_clear(struct blob_new *b)
{
    mem_free(b->owned);
    b->owned = NULL;
}

asx_st blob_insert(struct cat *cat, const struct blob_new *b, int64_t *id, struct asx_err *err)
{
    asx_st st = b->encoding == ZSTD_FILE ? write_file(cat, b, err) : ASX_OK;
    if (st != ASX_OK)
        return st;
    struct query find = db_query(cat, "SELECT id FROM blobs WHERE hash = ?");
    q_key(&find, b->hash);
    *id = q_row(&find) ? q_col_i64(&find, 0) : 0;
    st = q_end(&find, err);
    if (st != ASX_OK || *id)
        return st;
    struct query q = db_query(cat, "INSERT INTO blobs(hash, size, encoding, data, created) VALUES(?,?,?,?,?)");
    q_key(&q, b->hash);
    q_i64(&q, (int64_t)b->size);
    q_i64(&q, b->encoding);
    if (b->data)
        q_blob(&q, b->data, b->bytes);
    else
        q_id(&q, 0);
    q_i64(&q, clock_unix());
    (void)q_row(&q);
    st = q_end(&q, err);
    *id = sqlite3_last_insert_rowid(cat->db);
    return st;
}

static asx_st blob_put(struct cat *cat, const void *data, size_t size, int64_t *blob, struct asx_err *err)
{
    struct blob_new b = {0};
    asx_st st = blob_prepare(cat, data, size, &b, err);
    if (st == ASX_OK)
        st = db_begin(cat, DB_NORMAL, err);
    if (st == ASX_OK)
        st = db_end(cat, DB_NORMAL, blob_insert(cat, &b, blob, err), err);
    blob_clear(&b);
    return st;
}

asx_st cat_blob_put(struct cat *cat, const void *data, size_t size, int64_t *blob, struct asx_err *err)
{
    asx_st st = blob_put(cat, data, size, blob, err);
    return db_leave_disk(cat, st, err) ? blob_put(cat, data, size, blob, err) : st;
}

/* ---- reading --------------------------------------------------------------------- */

struct blob_row {
    struct asx_key hash;
    size_t size, bytes;
    int encoding;
    void *data; /* as stored */
};

static asx_st read_row(struct cat *cat, int64_t blob, struct blob_row *r, struct asx_err *err)
{
    db_lock(cat);
    struct query q = db_query(cat, "SELECT hash, size, encoding, data FROM blobs WHERE id = ?");
    q_i64(&q, blob);
    bool found = q_row(&q);
    if (found) {
        r->hash = q_col_key(&q, 0);
        r->size = (size_t)q_col_i64(&q, 1);
        r->encoding = (int)q_col_i64(&q, 2);
        const void *data = sqlite3_column_blob(q.stmt, 3);
        r->bytes = (size_t)sqlite3_column_bytes(q.stmt, 3);
        r->data = r->encoding == ZSTD_FILE ? NULL : mem_alloc(cat->mem, r->bytes);
        if (r->data && r->bytes)
            memcpy(r->data, data, r->bytes);
        if (r->encoding != ZSTD_FILE && !r->data)
            q.rc = SQLITE_NOMEM;
    }
    asx_st st = q_end(&q, err);
    db_unlock(cat);
    return st != ASX_OK ? st : found ? ASX_OK : ASX_NONE;
}

static asx_st read_stored_file(struct cat *cat, struct blob_row *r, struct asx_err *err)
{
    if (!cat->blob_dir)
        return err_set(err, ASX_E_DATA, "a blob of the catalog '%s' names a file it cannot have; run the task again", cat->path);
    char *path = blob_path(cat, r->hash), *text = NULL;
    if (!path)
        return no_memory(err);
    struct asx_err why = {0};
    asx_st st = file_read(path, UINT64_MAX, cat->mem, &text, &r->bytes, &why);
    if (st == ASX_E_NOMEM)
        st = no_memory(err);
    else if (st != ASX_OK)
        st = err_set(err, ASX_E_DATA, "'%s' of the catalog cannot be read; run the task again", path);
    r->data = text;
    mem_free(path);
    return st;
}

static asx_st unpack(struct cat *cat, const struct blob_row *r, struct mem *mem, void **out, struct asx_err *err)
{
    bool packed = r->encoding != RAW;
    unsigned long long says = packed ? ZSTD_getFrameContentSize(r->data, r->bytes) : r->bytes;
    void *data = says == r->size ? mem_alloc(mem, r->size) : NULL;
    if (says == r->size && !data)
        return no_memory(err);
    bool good = data != NULL;
    if (good && packed)
        good = ZSTD_decompress(data, r->size, r->data, r->bytes) == r->size;
    else if (good && r->size)
        memcpy(data, r->data, r->size);
    if (good)
        good = key_equal(hash_of(data, r->size), r->hash);
    if (!good) {
        mem_free(data);
        return err_set(err, ASX_E_DATA, "a blob of the catalog '%s' is damaged; run the task again", cat->path);
    }
    *out = data;
    return ASX_OK;
}

asx_st cat_blob_get(struct cat *cat, int64_t blob, struct mem *mem, void **data, size_t *size, struct asx_err *err)
{
    struct blob_row r = {0};
    asx_st st = read_row(cat, blob, &r, err);
    if (st == ASX_OK && r.encoding == ZSTD_FILE)
        st = read_stored_file(cat, &r, err);
    if (st == ASX_OK)
        st = unpack(cat, &r, mem, data, err);
    if (st == ASX_OK)
        *size = r.size;
    mem_free(r.data);
    return st;
}
