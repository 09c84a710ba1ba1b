/* SPDX-License-Identifier: Apache-2.0 */
/* Reading whole files, all-or-nothing writing, full disks, links, devices; text buffers. */
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *suite_file(void);

static char folder[64];

static void enter(void)
{
    snprintf(folder, sizeof folder, "/tmp/assay-file-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static int files(void)
{
    DIR *d = opendir(".");
    int n = 0;
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void leave(void)
{
    DIR *d = opendir(".");
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && unlink(e->d_name) != 0)
            (void)rmdir(e->d_name);
    closedir(d);
    ck_assert_int_eq(chdir("/"), 0);
    (void)rmdir(folder);
}

static void expect_content(const char *path, const char *want)
{
    char *s;
    size_t n;
    struct asx_err e = {0};
    ck_assert_int_eq(file_read(path, 1 << 20, NULL, &s, &n, &e), ASX_OK);
    ck_assert_str_eq(s, want);
    ck_assert_uint_eq(n, strlen(want));
    mem_free(s);
}

START_TEST(write_then_read)
{
    struct asx_err e = {0};
    ck_assert_int_eq(file_write("a", "one", 3, &e), ASX_OK);
    expect_content("a", "one");
    ck_assert_int_eq(chmod("a", 0640), 0);
    ck_assert_int_eq(file_write("a", "", 0, &e), ASX_OK);
    expect_content("a", "");
    struct stat st;
    stat("a", &st);
    ck_assert_int_eq(st.st_mode & 0777, 0640); /* the mode of the file stays */
    ck_assert_int_eq(files(), 1);
}
END_TEST

START_TEST(read_errors)
{
    struct asx_err e = {0};
    char *s;
    size_t n;
    ck_assert_int_eq(file_read("absent", 10, NULL, &s, &n, &e), ASX_E_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "'absent'"));
    ck_assert_ptr_null(s);
    e.code = 0;
    ck_assert_int_eq(file_read(".", 10, NULL, &s, &n, &e), ASX_E_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "folder"));
    e.code = 0;
    file_write("b", "0123456789", 10, &e);
    ck_assert_int_eq(file_read("b", 9, NULL, &s, &n, &e), ASX_E_DATA);
    e.code = 0;
    ck_assert_int_eq(file_read("b", 10, NULL, &s, &n, &e), ASX_OK);
    mem_free(s);
    struct mem *m = mem_create(NULL, 5);
    ck_assert_int_eq(file_read("b", 10, m, &s, &n, &e), ASX_E_NOMEM);
    mem_destroy(m);
    e.code = 0;
    ck_assert_int_eq(file_read("/dev/zero", 200000, NULL, &s, &n, &e), ASX_E_DATA); /* endless */
}
END_TEST

START_TEST(files_without_a_size)
{
    char *s;
    size_t n;
    struct asx_err e = {0};
    ck_assert_int_eq(file_read("/proc/self/status", 1 << 20, NULL, &s, &n, &e), ASX_OK);
    ck_assert_uint_gt(n, 100);
    mem_free(s);
}
END_TEST

START_TEST(links_stay_links)
{
    struct asx_err e = {0};
    file_write("real", "x", 1, &e);
    ck_assert_int_eq(symlink("real", "link"), 0);
    ck_assert_int_eq(file_write("link", "yy", 2, &e), ASX_OK);
    expect_content("real", "yy");
    struct stat st;
    lstat("link", &st);
    ck_assert(S_ISLNK(st.st_mode));
}
END_TEST

/* SIGTERM as soon as the new file is there under its passing name: the process ends by it, with no file or a whole one. */
START_TEST(a_signal_leaves_no_part)
{
    enum { BYTES = 1 << 25 };
    char *data = mem_array(NULL, BYTES, 1);
    memset(data, 'x', BYTES);
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
            signal(SIGTERM, SIG_DFL);
            struct asx_err e = {0};
            file_write("large", data, BYTES, &e);
            for (;;)
                pause();
        }
        while (files() == 0)
            ;
        kill(pid, SIGTERM);
        int status;
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
        struct stat st;
        ck_assert_int_eq(files(), 1);
        ck_assert_int_eq(stat("large", &st), 0);
        ck_assert_int_eq(st.st_size, BYTES);
        ck_assert_int_eq(unlink("large"), 0);
    }
    mem_free(data);
}
END_TEST

START_TEST(devices_are_written_through)
{
    struct asx_err e = {0};
    ck_assert_int_eq(file_write("/dev/null", "x", 1, &e), ASX_OK);
    struct stat st;
    stat("/dev/null", &st);
    ck_assert(S_ISCHR(st.st_mode));
    ck_assert_int_eq(file_write("/dev/full", "x", 1, &e), ASX_E_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "space"));
    e.code = 0;
    ck_assert_int_eq(file_write(".", "x", 1, &e), ASX_E_IO);
    e.code = 0;
    ck_assert_int_eq(file_write("no/such/folder", "x", 1, &e), ASX_E_IO);
}
END_TEST

START_TEST(dash_is_standard_output)
{
    struct asx_err e = {0};
    int old = dup(STDOUT_FILENO), fd = open("out", O_WRONLY | O_CREAT, 0600);
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    asx_st rc = file_write("-", "hello", 5, &e);
    dup2(old, STDOUT_FILENO);
    close(old);
    close(fd);
    ck_assert_int_eq(rc, ASX_OK);
    expect_content("out", "hello");
}
END_TEST

START_TEST(a_full_disk_keeps_the_old_file)
{
    struct asx_err e = {0};
    ck_assert_int_eq(file_write("a", "old", 3, &e), ASX_OK);
    static char big[100000];
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    asx_st rc = file_write("a", big, sizeof big, &e);
    setrlimit(RLIMIT_FSIZE, &old);
    ck_assert_int_eq(rc, ASX_E_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "file size limit"));
    expect_content("a", "old");
    ck_assert_int_eq(files(), 1); /* no temporary file is left */
}
END_TEST

START_TEST(parents_are_made)
{
    struct asx_err e = {0};
    ck_assert_int_eq(file_make_parent("x/y/z/file", &e), ASX_OK);
    ck_assert_int_eq(file_make_parent("x/y/z/file", &e), ASX_OK);
    ck_assert_int_eq(file_make_parent("file", &e), ASX_OK);
    ck_assert_int_eq(file_make_parent("/file", &e), ASX_OK);
    ck_assert_int_eq(file_write("x/y/z/file", "1", 1, &e), ASX_OK);
    ck_assert_int_eq(file_make_parent("x/y/z/file/more/a", &e), ASX_E_IO);
    unlink("x/y/z/file");
    rmdir("x/y/z");
    rmdir("x/y");
}
END_TEST

START_TEST(text_grows)
{
    struct text t;
    text_init(&t, NULL);
    for (int i = 0; i < 1000; i++)
        text_printf(&t, "%d,", i);
    text_puts(&t, "end");
    text_put(&t, "x\0y", 3);
    ck_assert(!t.failed);
    ck_assert_uint_eq(t.n, 10 * 2 + 90 * 3 + 900 * 4 + 6);
    ck_assert_int_eq(memcmp(t.s, "0,1,2,", 6), 0);
    ck_assert_int_eq(t.s[t.n], '\0');
    text_clear(&t);
    struct mem *m = mem_create(NULL, 1000);
    text_init(&t, m);
    for (int i = 0; i < 1000; i++)
        text_puts(&t, "0123456789");
    ck_assert(t.failed);
    ck_assert_uint_le(t.n, 1000);
    text_clear(&t);
    ck_assert_uint_eq(mem_used(m), 0);
    mem_destroy(m);
}
END_TEST

START_TEST(numbers_read_back)
{
    static const double v[] = {0.1, 1.0 / 3, 1e300, 5e-324, 123456789012345680.0, -2.5, 100};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        struct text t;
        text_init(&t, NULL);
        text_number(&t, v[i], "null");
        ck_assert(strtod(t.s, NULL) == v[i]);
        text_clear(&t);
    }
    struct text t;
    text_init(&t, NULL);
    text_number(&t, 0.1, "");
    text_puts(&t, " ");
    text_number(&t, NAN, "null");
    text_number(&t, -INFINITY, "!");
    ck_assert_str_eq(t.s, "0.1 null!");
    text_clear(&t);
}
END_TEST

Suite *suite_file(void)
{
    Suite *s = suite_create("file");
    TCase *t = tcase_create("file");
    tcase_add_checked_fixture(t, enter, leave);
    tcase_add_test(t, write_then_read);
    tcase_add_test(t, read_errors);
    tcase_add_test(t, files_without_a_size);
    tcase_add_test(t, links_stay_links);
    tcase_add_test(t, a_signal_leaves_no_part);
    tcase_add_test(t, devices_are_written_through);
    tcase_add_test(t, dash_is_standard_output);
    tcase_add_test(t, a_full_disk_keeps_the_old_file);
    tcase_add_test(t, parents_are_made);
    tcase_add_test(t, text_grows);
    tcase_add_test(t, numbers_read_back);
    suite_add_tcase(s, t);
    return s;
}
