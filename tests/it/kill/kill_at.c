/* Kills its process at the n-th call that makes something durable, n in KILL_AT; without it, nothing happens. KILL_WHEN says when:
   "before" that call, as by default; before anything that it makes durable is "written"; "after" it; or once something that may
   rest on it was "said" to a peer, which is anything sent over IPv4 to another port than KILL_NOT_PORT. What a database on a socket of
   this machine commits is such a call too: it begins where COMMIT is sent, has nothing before BEGIN is, and is done with the answer. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum moment { WRITTEN, BEFORE, AFTER, SAID };

static pthread_once_t is_read = PTHREAD_ONCE_INIT;
/* Calls until the one that counts; below 1 behind it. -1 long behind: nobody is killed. */
static long left = -1;
static enum moment moment = BEFORE;
static int not_port = 0;

static void read_when(void) {
    const char *at = getenv("KILL_AT"), *when = getenv("KILL_WHEN"), *port = getenv("KILL_NOT_PORT");
    left = at ? atol(at) : -1;
    not_port = port ? atoi(port) : 0;
    if (when) {
        moment = !strcmp(when, "written") ? WRITTEN : !strcmp(when, "after") ? AFTER
               : !strcmp(when, "said") ? SAID : BEFORE;
    }
}

static void die(void) { kill(getpid(), SIGKILL); }

static long now_left(void) {
    pthread_once(&is_read, read_when);
    return __atomic_load_n(&left, __ATOMIC_SEQ_CST);
}

static void begins(void) {
    if (now_left() == 1 && moment == BEFORE) {
        die();
    }
}

static void is_done(void) {
    if (now_left() > 0 && __atomic_sub_fetch(&left, 1, __ATOMIC_SEQ_CST) == 0 && moment == AFTER) {
        die();
    }
}

/* SQLite's shared memory is made anew at each start, and is no part of what is durable. */
static int is_data(int fd) {
    struct stat about;
    char link[64], name[512];
    if (fd <= 2 || fstat(fd, &about) || !S_ISREG(about.st_mode)) {
        return 0;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, sizeof name - 1);
    return !(length > 4 && !memcmp(name + length - 4, "-shm", 4));
}

static void writes(int fd) {
    if (now_left() == 1 && moment == WRITTEN && is_data(fd)) {
        die();
    }
}

static void has_said(int fd, ssize_t sent) {
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    if (now_left() == 0 && moment == SAID && sent > 0 && !getpeername(fd, (struct sockaddr *)&peer, &length)
        && peer.sin_family == AF_INET && ntohs(peer.sin_port) != not_port) {
        die();
    }
}

/* Where the answer to a COMMIT is waited for. */
static int commits = -1;

static int has_word(const void *bytes, size_t count, const char *word) {
    return memmem(bytes, count, word, strlen(word)) != NULL;
}

static void tells(int fd, const void *bytes, size_t count) {
    struct sockaddr_un peer;
    socklen_t length = sizeof peer;
    if (now_left() <= 0 || getpeername(fd, (struct sockaddr *)&peer, &length) || peer.sun_family != AF_UNIX) {
        return;
    }
    if (now_left() == 1 && moment == WRITTEN && has_word(bytes, count, "BEGIN")) {
        die();
    }
    if (has_word(bytes, count, "COMMIT")) {
        begins();
        commits = fd;
    }
}

static void hears(int fd, ssize_t got) {
    if (got > 0 && fd == commits) {
        commits = -1;
        is_done();
    }
}

#define REAL(result, name, ...) ((result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

int fsync(int fd) {
    begins();
    int result = REAL(int, fsync, int)(fd);
    is_done();
    return result;
}

int fdatasync(int fd) {
    begins();
    int result = REAL(int, fdatasync, int)(fd);
    is_done();
    return result;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    writes(fd);
    tells(fd, bytes, count);
    ssize_t sent = REAL(ssize_t, write, int, const void *, size_t)(fd, bytes, count);
    has_said(fd, sent);
    return sent;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    writes(fd);
    for (int part = 0; part < count; part++) {
        tells(fd, parts[part].iov_base, parts[part].iov_len);
    }
    ssize_t sent = REAL(ssize_t, writev, int, const struct iovec *, int)(fd, parts, count);
    has_said(fd, sent);
    return sent;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) {
    writes(fd);
    return REAL(ssize_t, pwrite64, int, const void *, size_t, off_t)(fd, bytes, count, at);
}

ssize_t read(int fd, void *bytes, size_t count) {
    ssize_t got = REAL(ssize_t, read, int, void *, size_t)(fd, bytes, count);
    hears(fd, got);
    return got;
}

ssize_t recv(int fd, void *bytes, size_t count, int flags) {
    ssize_t got = REAL(ssize_t, recv, int, void *, size_t, int)(fd, bytes, count, flags);
    hears(fd, got);
    return got;
}

ssize_t readv(int fd, const struct iovec *parts, int count) {
    ssize_t got = REAL(ssize_t, readv, int, const struct iovec *, int)(fd, parts, count);
    hears(fd, got);
    return got;
}

ssize_t send(int fd, const void *bytes, size_t count, int flags) {
    tells(fd, bytes, count);
    ssize_t sent = REAL(ssize_t, send, int, const void *, size_t, int)(fd, bytes, count, flags);
    has_said(fd, sent);
    return sent;
}
