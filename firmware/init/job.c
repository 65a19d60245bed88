/* Child processes under a name: start, output, end. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static struct job jobs[MAX_JOBS];

struct job *job_at(int index)
{
    return &jobs[index];
}

struct job *job_find(const char *name)
{
    for (int i = 0; i < MAX_JOBS; i++)
        if (jobs[i].kind != JOB_FREE && strcmp(jobs[i].name, name) == 0)
            return &jobs[i];
    return NULL;
}

static struct job *find_free(void)
{
    for (int i = 0; i < MAX_JOBS; i++)
        if (jobs[i].kind == JOB_FREE)
            return &jobs[i];
    errno = EAGAIN;
    return NULL;
}

/* In the child. A descriptor of another job kept open here would hide the end of that job's input. */
static void child_setup(struct job *job, int in, int out, const unsigned char *cpus)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setsid();
    prctl(PR_SET_NAME, job->name, 0, 0, 0);
    if (in >= 0)
        dup2(in, STDIN_FILENO);
    if (out >= 0)
        dup2(out, STDOUT_FILENO);
    /* JOB_SILENT is the reboot, which still waits for the channel to drain. */
    if (job->kind != JOB_SILENT)
        syscall(SYS_close_range, 3, ~0u, 0);
    if (cpus && syscall(SYS_sched_setaffinity, 0, MAX_CPUS / 8, cpus) < 0) {
        int error = errno;
        dprintf(STDOUT_FILENO, "error op=affinity errno=%d\n", error);
        _exit(job->kind == JOB_CALL ? error : 126);
    }
}

static bool make_pipes(enum job_kind kind, int in[2], int out[2])
{
    if (kind == JOB_PROGRAM && pipe2(in, O_CLOEXEC) < 0)
        return false;
    if (kind != JOB_SHELL && kind != JOB_SILENT && pipe2(out, O_CLOEXEC) < 0)
        return false;
    return true;
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

struct job *job_start(enum job_kind kind, const char *name, const unsigned char *cpus, uint64_t re)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    struct job *job = find_free();
    if (!job)
        return NULL;
    job->kind = kind;
    snprintf(job->name, sizeof job->name, "%s", name);
    job->pid = make_pipes(kind, in, out) ? fork() : -1;
    if (job->pid == 0) {
        child_setup(job, in[0], out[1], cpus);
        return job;
    }
    int error = errno;
    close_if_open(in[0]);
    close_if_open(out[1]);
    if (job->pid < 0) {
        close_if_open(in[1]);
        close_if_open(out[0]);
        job->kind = JOB_FREE;
        errno = error;
        return NULL;
    }
    job->in = in[1];
    job->out = out[0];
    if (job->in >= 0)
        fcntl(job->in, F_SETFL, O_NONBLOCK);
    if (job->out >= 0)
        fcntl(job->out, F_SETFL, O_NONBLOCK);
    job->re = re;
    job->reaped = false;
    job->lines = (struct lines){.buffer = job->text, .room = sizeof job->text};
    return job;
}

void job_end_of_input(struct job *job)
{
    close_if_open(job->in);
    job->in = -1;
}

static void forward(void *context, char *line, bool cut)
{
    struct job *job = context;
    char text[3 * JOB_LINE + 1];
    (void)cut;
    if (*line) {
        escape(text, sizeof text, line, strlen(line), ESCAPE_LINE);
        emit("actor %s %s", job->kind == JOB_LOADER ? "init" : job->name, text);
    }
}

static void end_program(struct job *job)
{
    if (job->lines.used)
        lines_feed(&job->lines, "\n", 1, forward, job);
    if (WIFSIGNALED(job->status))
        emit("exited %s signal=%d re=%llu", job->name, WTERMSIG(job->status), (unsigned long long)job->re);
    else
        emit("exited %s status=%d re=%llu", job->name, WEXITSTATUS(job->status), (unsigned long long)job->re);
}

/* The child's exit status is its errno; what it wrote is the value that was read. */
static void end_call(struct job *job)
{
    char text[3 * JOB_LINE + 16] = "", signal[32] = "";
    int error = WIFSIGNALED(job->status) ? EINTR : WEXITSTATUS(job->status);
    if (WIFSIGNALED(job->status))
        snprintf(signal, sizeof signal, " signal=%d", WTERMSIG(job->status));
    if (job->lines.used && !error) {
        strcpy(text, " text=");
        escape(text + 6, sizeof text - 6, job->text, job->lines.used, ESCAPE_WORD);
    }
    emit("done %s rc=%d errno=%d re=%llu%s%s", job->name, error ? -1 : (int)job->lines.used, error,
         (unsigned long long)job->re, signal, text);
}

static void job_ended(struct job *job)
{
    enum job_kind kind = job->kind;
    if (kind == JOB_PROGRAM)
        end_program(job);
    if (kind == JOB_CALL)
        end_call(job);
    close_if_open(job->in);
    close_if_open(job->out);
    job->kind = JOB_FREE;
    if (kind == JOB_LOADER)
        loader_ended(WIFSIGNALED(job->status) ? -1 : WEXITSTATUS(job->status));
    if (kind == JOB_SHELL)
        shell_ended();
}

/* Takes output while there is room for the messages it makes. Ends the job when it is reaped and its output is empty. */
void job_pump(struct job *job)
{
    char data[256];
    while (job->out >= 0 && channel_has_room()) {
        ssize_t got = read(job->out, data, sizeof data);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            break;
        if (got <= 0) {
            close(job->out);
            job->out = -1;
        } else if (job->kind == JOB_CALL) {
            for (ssize_t i = 0; i < got && job->lines.used < sizeof job->text; i++)
                job->text[job->lines.used++] = data[i];
        } else {
            lines_feed(&job->lines, data, (size_t)got, forward, job);
        }
    }
    /* An idle grandchild may keep the pipe open: what is there when the job itself has ended is all there will be. */
    if (job->reaped && channel_has_room())
        job_ended(job);
}

static void reaped(pid_t pid, int status)
{
    for (int i = 0; i < MAX_JOBS; i++) {
        if (jobs[i].kind != JOB_FREE && jobs[i].pid == pid && !jobs[i].reaped) {
            jobs[i].reaped = true;
            jobs[i].status = status;
            return;
        }
    }
    if (WIFSIGNALED(status))
        emit("orphan pid=%d signal=%d", pid, WTERMSIG(status));
    else
        emit("orphan pid=%d status=%d", pid, WEXITSTATUS(status));
}

void jobs_reap(void)
{
    int status;
    pid_t pid;
    while (channel_has_room() && (pid = waitpid(-1, &status, WNOHANG)) > 0)
        reaped(pid, status);
}
