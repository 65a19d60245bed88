/*
 * PID 1 of the guest: mounts, modules, then one poll loop for the helper channel, the jobs and the signals.
 * docs/guest-protocol.md says what it understands. Nothing in the loop blocks but poll(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "disk.h"
#include "init.h"
#include "mark.h"

struct config config;
static int signals;
static struct lines input;
static char input_text[INPUT_LINE];

static void mount_all(void)
{
    static const char *const folders[] = {"/proc", "/sys", "/dev", "/run", "/tmp", "/etc", "/bin", "/sbin", "/usr", "/usr/bin", "/usr/sbin"};
    static const char *const mounts[][2] = {
        {"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/run"}, {"debugfs", "/sys/kernel/debug"}};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        mkdir(folders[i], 0755);
    for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++)
        if (mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL) < 0 && errno != EBUSY)
            dprintf(STDERR_FILENO, "init: mount %s: errno %d\n", mounts[i][1], errno);
}

/* An initramfs without /dev/console starts us without any descriptor. */
static void open_console(void)
{
    int fd = open("/dev/console", O_RDWR | O_NOCTTY);
    if (fd < 0)
        fd = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; i++)
        if (fd != i)
            dup2(fd, i);
    if (fd > 2)
        close(fd);
}

static void block_signals(void)
{
    static const int wanted[] = {SIGCHLD, SIGUSR1, SIGUSR2, SIGTERM, SIGINT};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        sigaddset(&set, wanted[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    /* A job that closes its stdin must cost us an EPIPE and no more. */
    signal(SIGPIPE, SIG_IGN);
}

static void report(const char *op, const char *key, const char *value, int error)
{
    if (error) {
        console("%s %s: errno %d", op, value, error);
        dprintf(STDOUT_FILENO, "error op=%s %s=%s errno=%d\n", op, key, value, error);
    } else {
        console("%s %s", op, value);
        dprintf(STDOUT_FILENO, "ok op=%s %s=%s\n", op, key, value);
    }
}

static void probe_file(const char *path)
{
    char text[4096];
    if (read_text(path, text, sizeof text) >= 0)
        console("%s:\n%s", path, text);
}

static void probe(void)
{
    struct disk disks[MAX_DISKS];
    char path[80];
    int count = disk_list(disks);
    probe_file("/proc/cpuinfo");
    probe_file("/proc/modules");
    probe_file("/proc/partitions");
    for (int i = 0; i < 16; i++) {
        snprintf(path, sizeof path, "/sys/class/scsi_host/host%d/proc_name", i);
        probe_file(path);
    }
    for (int i = 0; i < count; i++)
        console("disk %s %u:%u:%u:%u", disks[i].name, disks[i].host, disks[i].channel, disks[i].target, disks[i].lun);
    console("probe: %d cxlflash disks", count);
}

/* In a child, because a driver's probe may take its time or never return. The exit status is the number of failures. */
static int load(void)
{
    int failed = 0;
    for (int i = 0; i < config.modules; i++) {
        char path[256];
        const char *name = config.module[i][0];
        snprintf(path, sizeof path, "%s%s", strchr(name, '/') ? "" : "/lib/modules/", name);
        int error = call_insmod(path, config.module[i][1]);
        failed += error != 0;
        report("insmod", "module", name, error);
    }
    if (config.disks) {
        struct disk disks[MAX_DISKS];
        char number[16];
        int count = disk_wait(disks, config.disks, config.disks_seconds);
        snprintf(number, sizeof number, "%d", count);
        failed += count < config.disks;
        report("disks", "count", number, count < config.disks ? ETIMEDOUT : 0);
    }
    if (config.mode == MODE_PROBE)
        probe();
    return failed;
}

void loader_ended(int failed)
{
    emit("ready errors=%d", failed);
    console("ready, %d errors", failed);
    for (int i = 0; i < config.commands; i++)
        command_unnumbered(config.command[i]);
    if (config.mode == MODE_SHELL)
        shell_start();
    if (config.mode == MODE_PROBE)
        power(RB_POWER_OFF, 0);
}

/* Through a child: a driver may hang in its shutdown, and the helper has to go on answering. */
void power(int how, uint64_t re)
{
    struct job *job = job_start(JOB_SILENT, "power", NULL, re);
    if (job && job->pid == 0)
        call_reboot(how);
    if (job)
        emit("bye re=%llu", (unsigned long long)re);
    else
        emit("error re=%llu reason=failed errno=%d", (unsigned long long)re, errno);
}

/* The signals of busybox' poweroff, reboot and halt. */
static void take_signals(void)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGUSR2)
            power(RB_POWER_OFF, 0);
        if (info.ssi_signo == SIGUSR1)
            power(RB_HALT_SYSTEM, 0);
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            power(RB_AUTOBOOT, 0);
    }
}

static void take_input(void)
{
    char data[256];
    while (channel_fd() >= 0 && channel_has_room()) {
        ssize_t got = read(channel_fd(), data, sizeof data);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            console("helper: read: %s, channel closed", got ? "error" : "end of file");
            channel_close();
            return;
        }
        lines_feed(&input, data, (size_t)got, command_line, NULL);
    }
}

/* One turn. Input is asked for only while there is room for the messages it can cause. */
static void turn(void)
{
    static struct pollfd fds[MAX_JOBS + 2];
    bool room = channel_has_room();
    nfds_t count = 2;
    fds[0] = (struct pollfd){.fd = signals, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = channel_fd(), .events = (short)((room ? POLLIN : 0) | (channel_pending() ? POLLOUT : 0))};
    for (int i = 0; room && i < MAX_JOBS; i++)
        if (job_at(i)->kind != JOB_FREE && job_at(i)->out >= 0)
            fds[count++] = (struct pollfd){.fd = job_at(i)->out, .events = POLLIN};
    if (poll(fds, count, -1) < 0)
        return;
    channel_flush();
    take_signals();
    take_input();
    jobs_reap();
    for (int i = 0; i < MAX_JOBS; i++)
        if (job_at(i)->kind != JOB_FREE)
            job_pump(job_at(i));
}

static void raise_limits(void)
{
    const struct rlimit files = {4096, 4096}; /* two pipes for each of MAX_JOBS */
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
    /* As PID 1 the arguments are the kernel's left-overs and mean nothing. */
    if (getpid() != 1)
        return argc == 2 && strcmp(argv[1], "--selftest") == 0 ? selftest() : 2;
    MARK_BEGIN();
    MARK_END();
    mount_all();
    open_console();
    raise_limits();
    block_signals();
    config_read(&config, "/etc/capisim.conf");
    input = (struct lines){.buffer = input_text, .room = sizeof input_text};
    if (config.helper && !channel_open(config.helper))
        console("helper %s: errno %d", config.helper, errno);
    console("capisim guest, mode %s", mode_name(config.mode));
    emit("hello protocol=%d mode=%s", PROTOCOL, mode_name(config.mode));
    struct job *loader = job_start(JOB_LOADER, "init", NULL, 0);
    if (loader && loader->pid == 0)
        _exit(load());
    for (;;)
        turn();
}
