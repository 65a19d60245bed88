/* The interactive shell of `mode shell`: busybox on the console's tty, with job control, respawned. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "disk.h"
#include "init.h"

#define BUSYBOX "/bin/busybox"
#define QUICK_DEATHS 5

static time_t started;
static int quick_deaths;

/* /dev/console can never be a controlling tty; the tty behind it can. The kernel lists the preferred one last. */
static void console_tty(char *path, size_t room)
{
    char active[128];
    const char *name = "console";
    if (read_text("/sys/class/tty/console/active", active, sizeof active) > 0) {
        char *blank = strrchr(active, ' ');
        name = blank ? blank + 1 : active;
    }
    snprintf(path, room, "/dev/%s", name);
}

static void shell_child(void)
{
    char *const argv[] = {"-sh", NULL};
    char *const environment[] = {"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/", "TERM=vt100", "PS1=capisim# ", NULL};
    char path[160];
    console_tty(path, sizeof path);
    int fd = open(path, O_RDWR); /* the child leads a session of its own, so this makes it the controlling tty */
    if (fd < 0) {
        console("shell: %s: errno %d", path, errno);
        _exit(1);
    }
    ioctl(fd, TIOCSCTTY, 1);
    for (int i = 0; i < 3; i++)
        dup2(fd, i);
    if (fd > 2)
        close(fd);
    execve(BUSYBOX, argv, environment);
    console("shell: " BUSYBOX ": errno %d", errno);
    _exit(1);
}

static void install_applets(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl(BUSYBOX, "busybox", "--install", "-s", (char *)NULL);
        _exit(1);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

static time_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

void shell_start(void)
{
    if (access(BUSYBOX, X_OK) < 0) {
        console("shell: no " BUSYBOX " in this image");
        return;
    }
    bool first = !started;
    started = now();
    struct job *job = job_start(JOB_SHELL, "shell", NULL, 0);
    if (!job || job->pid)
        return;
    if (first)
        install_applets();
    shell_child();
}

/* A shell that cannot live must not fill the console for ever. */
void shell_ended(void)
{
    quick_deaths = now() - started < 1 ? quick_deaths + 1 : 0;
    if (quick_deaths < QUICK_DEATHS)
        shell_start();
    else
        console("shell: ended %d times at once, not started again", quick_deaths);
}
