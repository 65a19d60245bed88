/* The host's commands: one function a verb, one table. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "init.h"

static uint64_t last_seq;

static void refuse(const struct message *m, const char *reason, int error)
{
    emit("error re=%llu reason=%s errno=%d", (unsigned long long)m->seq, reason, error);
}

static void accept(const struct message *m)
{
    emit("ok re=%llu", (unsigned long long)m->seq);
}

static void ping(const struct message *m)
{
    emit("pong re=%llu", (unsigned long long)m->seq);
}

static bool name_reserved(const char *name)
{
    return !strcmp(name, "init") || !strcmp(name, "shell") || !strcmp(name, "power");
}

/* Checks NAME and CPUS and forks. NULL in the parent, which has answered; the job in the child. */
static struct job *start(const struct message *m, enum job_kind kind)
{
    unsigned char cpus[MAX_CPUS / 8];
    bool any = strcmp(m->word[2], "-") == 0;
    if (!name_valid(m->word[1]) || name_reserved(m->word[1]) || job_find(m->word[1])) {
        refuse(m, "name", 0);
        return NULL;
    }
    if (!any && !cpus_parse(m->word[2], cpus)) {
        refuse(m, "usage", 0);
        return NULL;
    }
    struct job *job = job_start(kind, m->word[1], any ? NULL : cpus, m->seq);
    if (!job) {
        refuse(m, errno == EAGAIN ? "full" : "failed", errno);
        return NULL;
    }
    if (job->pid == 0)
        return job;
    emit("%s %s pid=%d re=%llu", kind == JOB_PROGRAM ? "spawned" : "started", job->name, job->pid, (unsigned long long)m->seq);
    return NULL;
}

static void spawn(const struct message *m)
{
    char *argv[MAX_WORDS + 1] = {NULL};
    char *const environment[] = {"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/", NULL};
    if (!start(m, JOB_PROGRAM))
        return;
    for (int i = 3; i < m->count; i++)
        argv[i - 3] = m->word[i];
    execve(argv[0], argv, environment);
    dprintf(STDOUT_FILENO, "error op=exec errno=%d\n", errno);
    _exit(127);
}

static void write_(const struct message *m)
{
    char text[INPUT_LINE];
    /* Cannot overflow: the text is a part of one input line. */
    join_words(text, sizeof text, m->word + 4, m->count - 4);
    if (start(m, JOB_CALL))
        _exit(call_write(m->word[3], text));
}

static void read_(const struct message *m)
{
    if (start(m, JOB_CALL))
        _exit(call_read(m->word[3]));
}

static void insmod(const struct message *m)
{
    char parameters[INPUT_LINE];
    join_words(parameters, sizeof parameters, m->word + 4, m->count - 4);
    if (start(m, JOB_CALL))
        _exit(call_insmod(m->word[3], parameters));
}

static void rmmod(const struct message *m)
{
    bool force = m->count == 5;
    if (force && strcmp(m->word[4], "force"))
        refuse(m, "usage", 0);
    else if (start(m, JOB_CALL))
        _exit(call_rmmod(m->word[3], force));
}

/* A spawned program whose stdin is still open, or NULL after the refusal. */
static struct job *listener(const struct message *m)
{
    struct job *job = job_find(m->word[1]);
    if (!job || job->kind != JOB_PROGRAM || job->in < 0) {
        refuse(m, "name", 0);
        return NULL;
    }
    return job;
}

static void send_line(const struct message *m, char *const *words, int count)
{
    char line[INPUT_LINE];
    struct job *job = listener(m);
    if (!job)
        return;
    join_words(line, sizeof line - 1, words, count);
    strcat(line, "\n");
    /* Whole or not at all: a line is shorter than PIPE_BUF. */
    ssize_t written = write(job->in, line, strlen(line));
    if (written > 0)
        accept(m);
    else
        refuse(m, errno == EAGAIN ? "busy" : "failed", errno);
}

static void go(const struct message *m)
{
    char *word = "go";
    send_line(m, &word, 1);
}

static void step(const struct message *m)
{
    send_line(m, m->word + 2, m->count - 2);
}

static void eof(const struct message *m)
{
    struct job *job = listener(m);
    if (!job)
        return;
    job_end_of_input(job);
    accept(m);
}

static void signal_(const struct message *m)
{
    uint64_t number;
    struct job *job = job_find(m->word[1]);
    if (!job || job->reaped)
        refuse(m, "name", 0);
    else if (!parse_number(m->word[2], &number) || number > 64)
        refuse(m, "usage", 0);
    else if (kill(job->pid, (int)number) < 0)
        refuse(m, "failed", errno);
    else
        accept(m);
}

static void poweroff(const struct message *m)
{
    power(RB_POWER_OFF, m->seq);
}

static void reboot_(const struct message *m)
{
    power(RB_AUTOBOOT, m->seq);
}

static const struct verb {
    const char *name;
    void (*run)(const struct message *m);
    int least, most; /* words, the verb among them */
} verbs[] = {
    {"ping", ping, 1, 1},
    {"spawn", spawn, 4, MAX_WORDS},
    {"go", go, 2, 2},
    {"step", step, 3, MAX_WORDS},
    {"eof", eof, 2, 2},
    {"signal", signal_, 3, 3},
    {"write", write_, 5, MAX_WORDS},
    {"read", read_, 4, 4},
    {"insmod", insmod, 4, MAX_WORDS},
    {"rmmod", rmmod, 4, 5},
    {"poweroff", poweroff, 1, 1},
    {"reboot", reboot_, 1, 1},
};

static void run(const struct message *m)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(m->word[0], verbs[i].name))
            continue;
        if (m->count < verbs[i].least || m->count > verbs[i].most)
            refuse(m, "usage", 0);
        else
            verbs[i].run(m);
        return;
    }
    refuse(m, "unknown", 0);
}

void command_line(void *context, char *line, bool cut)
{
    struct message m;
    (void)context;
    const char *reason = message_parse(line, true, &m);
    if (cut)
        reason = "too-long";
    else if (m.seq && m.seq <= last_seq)
        reason = "sequence";
    if (m.seq > last_seq)
        last_seq = m.seq;
    if (reason)
        refuse(&m, reason, 0);
    else
        run(&m);
}

void command_unnumbered(char *line)
{
    struct message m;
    const char *reason = message_parse(line, false, &m);
    if (reason)
        refuse(&m, reason, 0);
    else
        run(&m);
}
