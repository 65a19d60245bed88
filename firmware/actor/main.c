/* Reads commands, runs them one at a time, prints an event for each. Between commands it sleeps in read(2) of its stdin. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actor.h"

#define MAX_WORDS 32
#define LINE 1024

struct actor actor = {.disk = -1, .adapter = -1};

static const struct command {
    const char *op;
    command_fn *run;
    int least, most; /* arguments */
} commands[] = {
    {"open", do_open, 0, 1},
    {"manage-lun", do_manage_lun, 1, 2},
    {"attach", do_attach, 0, 3},
    {"mmap", do_mmap, 0, 0},
    {"setup-rings", do_setup_rings, 0, 1},
    {"user-direct", do_user_direct, 0, 0},
    {"user-virtual", do_user_virtual, 1, 2},
    {"resize", do_resize, 1, 1},
    {"read", do_read, 3, 7},
    {"write", do_write, 3, 7},
    {"raw-io", do_raw_io, 4, 5},
    {"verify", do_verify, 0, 1},
    {"recover", do_recover, 0, 0},
    {"clone", do_clone, 0, 0},
    {"release", do_release, 0, 0},
    {"detach", do_detach, 0, 0},
    {"use", do_use, 1, 1},
    {"munmap", do_munmap, 0, 0},
    {"close", do_close, 0, 0},
    {"close-disk", do_close_disk, 0, 0},
    {"events", do_events, 0, 1},
    {"mmio-read", do_mmio_read, 1, 2},
    {"mmio-write", do_mmio_write, 2, 2},
    {"mmio-garbage", do_mmio_garbage, 1, 2},
    {"mmio-scan", do_mmio_scan, 0, 0},
    {"loop", do_loop, 2, MAX_WORDS},
    {"storm", do_storm, 3, MAX_WORDS},
    {"spin", do_spin, 0, 1},
    {"sleep", do_sleep, 1, 1},
    {"pause", do_pause, 0, 0},
    {"fork-idle", do_fork_idle, 0, 1},
    {"cpu", do_cpu, 1, 1},
    {"discard-on", do_discard_on, 1, 1},
    {"exit", do_exit, 0, 1},
};

/* One write(2) a line, so that lines of threads and children do not mix. */
void out(const char *format, ...)
{
    char line[LINE];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (length > LINE - 2)
        length = LINE - 2;
    line[length++] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)length) != length)
        _exit(3); /* nobody listens any more */
}

void value(struct run *run, const char *format, ...)
{
    size_t used = strlen(run->text);
    va_list arguments;
    va_start(arguments, format);
    if (used + 1 < sizeof run->text)
        run->text[used++] = ' ';
    vsnprintf(run->text + used, sizeof run->text - used, format, arguments);
    va_end(arguments);
}

int fail(struct run *run, const char *reason)
{
    value(run, "reason=%s", reason);
    return REASON;
}

bool number_at(const struct run *run, int index, uint64_t *number)
{
    return index < run->count && parse_number(run->word[index], number);
}

bool has_word(const struct run *run, int from, const char *word)
{
    for (int i = from; i < run->count; i++)
        if (strcmp(run->word[i], word) == 0)
            return true;
    return false;
}

/* The text behind KEY= among the words. */
bool word_value(const struct run *run, int from, const char *key, const char **text)
{
    size_t length = strlen(key);
    for (int i = from; i < run->count; i++) {
        if (strncmp(run->word[i], key, length) == 0 && run->word[i][length] == '=') {
            *text = run->word[i] + length + 1;
            return true;
        }
    }
    return false;
}

/*
 * A page of a context can go away under a command (SIGBUS), and that has to be an event and not the end of the actor. Per thread, because a
 * storm touches the page from several.
 */
static __thread sigjmp_buf trap;
static __thread volatile sig_atomic_t trap_armed;

static void trapped(int signal_number)
{
    if (!trap_armed)
        _exit(128 + signal_number);
    siglongjmp(trap, signal_number);
}

static const struct command *find(const char *op)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].op, op) == 0)
            return &commands[i];
    return NULL;
}

/* Runs one command and prints nothing. Its operation is words[0]. Nests: a command of a loop traps for itself. */
int run_command(struct run *run, char **words, int count)
{
    const struct command *command = find(words[0]);
    sigjmp_buf outer;
    run->op = words[0];
    run->word = words + 1;
    run->count = count - 1;
    run->text[0] = 0;
    if (!command)
        return fail(run, "unknown");
    if (run->count < command->least || run->count > command->most)
        return fail(run, "usage");
    sig_atomic_t armed = trap_armed;
    memcpy(&outer, &trap, sizeof trap);
    int signal_number = sigsetjmp(trap, 1);
    int error;
    if (signal_number) {
        value(run, "signal=%d", signal_number);
        error = EFAULT;
    } else {
        trap_armed = 1;
        error = command->run(run);
    }
    memcpy(&trap, &outer, sizeof trap);
    trap_armed = armed;
    return error;
}

static bool run_line(char *line)
{
    char *words[MAX_WORDS];
    struct run run;
    int count = split_words(line, words, MAX_WORDS);
    if (count <= 0) {
        out("error op=- errno=0 reason=syntax");
        return false;
    }
    out("begin op=%s", words[0]);
    int error = run_command(&run, words, count);
    if (error)
        out("error op=%s errno=%d%s", words[0], error == REASON ? 0 : error, run.text);
    else
        out("ok op=%s%s", words[0], run.text);
    return error == 0;
}

struct list {
    char **line;
    int count;
    bool keep_going;
};

static void run_list(const struct list *list)
{
    int good = 0, failed = 0;
    for (int i = 0; i < list->count && (list->keep_going || !failed); i++) {
        char line[LINE];
        snprintf(line, sizeof line, "%s", list->line[i]); /* the list can run again */
        if (run_line(line))
            good++;
        else
            failed++;
    }
    out("list-done ok=%d failed=%d", good, failed);
}

static void take_line(void *context, char *line, bool cut)
{
    if (cut)
        out("error op=- errno=0 reason=too-long");
    else if (strcmp(line, "go") == 0)
        run_list(context);
    else if (*line)
        run_line(line);
}

static void serve(struct list *list)
{
    char data[256], buffer[LINE];
    struct lines lines = {.buffer = buffer, .room = sizeof buffer};
    for (;;) {
        ssize_t got = read(STDIN_FILENO, data, sizeof data);
        if (got > 0)
            lines_feed(&lines, data, (size_t)got, take_line, list);
        else if (got == 0 || errno != EINTR)
            return;
    }
}

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = trapped, .sa_flags = SA_NODEFER};
    struct list list = {0};
    bool now = false;
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--now") == 0)
            now = true;
        else if (strcmp(argv[i], "--keep-going") == 0)
            list.keep_going = true;
        else
            return 2;
    }
    list.line = argv + i;
    list.count = argc - i;
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    out("idle pid=%d commands=%d", getpid(), list.count);
    if (now)
        run_list(&list);
    serve(&list);
    return 0;
}
