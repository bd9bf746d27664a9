// The minimum cost of a delivery: the sender's CPU time for one send() to each of N loopback connections, round after round. A
// round begins when the receiver has all bytes of the previous one, as with one message in flight.
//
//     sendloop CONNECTIONS ROUNDS BYTES SENDER_CPU RECEIVER_CPU      prints microseconds of CPU time per send

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void check(int failed, const char *what) {
    if (failed) {
        fprintf(stderr, "sendloop: %s: %s\n", what, strerror(errno));
        exit(2);
    }
}

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    check(sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

// Connects, then reads, and writes to `done` whenever `round` bytes have arrived.
static void receive(struct sockaddr_in address, int connections, long round, int done) {
    static char buffer[65536];
    int poll = epoll_create1(0);
    check(poll < 0, "epoll_create1");
    for (int i = 0; i < connections; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        check(fd < 0, "socket");
        check(connect(fd, (struct sockaddr *)&address, sizeof address), "connect");
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        check(epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    }
    for (long missing = round;;) {
        struct epoll_event events[512];
        int ready = epoll_wait(poll, events, 512, -1);
        for (int i = 0; i < ready; i++) {
            ssize_t got = recv(events[i].data.fd, buffer, sizeof buffer, 0);
            if (got <= 0) return;
            missing -= got;
        }
        if (missing == 0) {
            check(write(done, "", 1) != 1, "write");
            missing = round;
        }
    }
}

int main(int count, char **values) {
    if (count != 6) {
        fprintf(stderr, "usage: sendloop CONNECTIONS ROUNDS BYTES SENDER_CPU RECEIVER_CPU\n");
        return 2;
    }
    int connections = atoi(values[1]), rounds = atoi(values[2]), bytes = atoi(values[3]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), done[2];
    check(listener < 0, "socket");
    check(bind(listener, (struct sockaddr *)&address, length) || listen(listener, 4096), "listen");
    check(getsockname(listener, (struct sockaddr *)&address, &length), "getsockname");
    check(pipe(done), "pipe");

    pid_t receiver = fork();
    check(receiver < 0, "fork");
    if (receiver == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin(atoi(values[5]));
        receive(address, connections, (long)connections * bytes, done[1]);
        _exit(0);
    }
    close(done[1]);
    pin(atoi(values[4]));
    int *sockets = calloc(connections, sizeof *sockets), on = 1;
    char *message = malloc(bytes), byte;
    check(!sockets || !message, "memory");
    memset(message, 'x', bytes);
    for (int i = 0; i < connections; i++) {
        sockets[i] = accept(listener, NULL, NULL);
        check(sockets[i] < 0, "accept");
        check(setsockopt(sockets[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
    }
    struct timespec begin = {0}, end;
    // The first round is not counted.
    for (int round = 0; round <= rounds; round++) {
        if (round == 1) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
        for (int i = 0; i < connections; i++) check(send(sockets[i], message, bytes, 0) != bytes, "send");
        check(read(done[0], &byte, 1) != 1, "the receiver ended");
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double microseconds = (end.tv_sec - begin.tv_sec) * 1e6 + (end.tv_nsec - begin.tv_nsec) / 1e3;
    printf("%.4f\n", microseconds / ((double)rounds * connections));
    return 0;
}
