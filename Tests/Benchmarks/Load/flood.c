// Clients that send the same block of frames repeatedly, as fast as the server takes it, and discard what they receive.
//
//     flood PORT PATH CONNECTIONS BLOCKS HEADER < BLOCK
//
// BLOCKS: how many blocks a connection sends before it half-closes, waits for the server's end and reconnects; 0 for no end.
// HEADER: a header of the handshake, may be empty. Runs until SIGTERM, then prints the bytes that the kernel has taken, and how
// many connections the server closed early.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
    int fd;
    bool open, half_closed;
    size_t offset; // how many bytes of the block the kernel has taken
    long blocks;
};

static char block[1 << 20], request[2048], sink[1 << 18];
static size_t block_length;
static long blocks_each;
static struct sockaddr_in address = {.sin_family = AF_INET};
static int poll_fd;
static unsigned long long taken, ended;
static volatile sig_atomic_t over;

static void finish(int signal) {
    (void)signal;
    over = 1;
}

static void check(bool failed, const char *what) {
    if (failed) {
        fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
        exit(2);
    }
}

// Blocks until the handshake is answered, so that a flood begins with an open connection.
static void connect_client(struct client *c) {
    *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    check(c->fd < 0, "socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    check(connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0, "connect");
    check(send(c->fd, request, strlen(request), MSG_NOSIGNAL) < 0, "handshake");
    check(fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0, "fcntl");
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = c};
    check(epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0, "epoll_ctl");
}

static void watch(struct client *c, bool writes) {
    struct epoll_event event = {.events = EPOLLIN | (writes ? EPOLLOUT : 0), .data.ptr = c};
    check(epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &event) < 0, "epoll_ctl");
}

// Reads what the server has sent; false when it has closed the connection.
static bool drain(struct client *c) {
    for (;;) {
        ssize_t got = recv(c->fd, sink, sizeof sink - 1, 0);
        if (got < 0) return errno == EAGAIN || errno == EINTR;
        if (got == 0) return false;
        if (c->open) continue;
        sink[got] = 0;
        if (strncmp(sink, "HTTP/1.1 101", 12) != 0) {
            fprintf(stderr, "flood: no upgrade: %.300s\n", sink);
            exit(2);
        }
        c->open = true;
        watch(c, true);
    }
}

// One call per turn, so that the clients alternate.
static void pour(struct client *c) {
    ssize_t sent = send(c->fd, block + c->offset, block_length - c->offset, MSG_NOSIGNAL);
    if (sent < 0) return;
    taken += (unsigned long long)sent;
    c->offset += (size_t)sent;
    if (c->offset < block_length) return;
    c->offset = 0;
    if (++c->blocks != blocks_each) return;
    c->half_closed = true;
    shutdown(c->fd, SHUT_WR);
    watch(c, false);
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fputs("usage: flood PORT PATH CONNECTIONS BLOCKS HEADER < BLOCK\n", stderr);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int count = atoi(argv[3]);
    blocks_each = atol(argv[4]);
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s\r\n", argv[2], argv[5], *argv[5] ? "\r\n" : "");
    block_length = fread(block, 1, sizeof block, stdin);
    check(!block_length || !feof(stdin), "block");
    struct sigaction action = {.sa_handler = finish};
    sigaction(SIGTERM, &action, NULL);

    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct client *clients = calloc((size_t)count, sizeof *clients);
    check(!clients, "memory");
    for (int i = 0; i < count; i++) connect_client(&clients[i]);
    while (!over) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll_fd, events, 64, 1000);
        for (int i = 0; i < ready; i++) {
            struct client *c = events[i].data.ptr;
            bool goes_on = !(events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) || drain(c);
            if (goes_on && c->open && !c->half_closed && (events[i].events & EPOLLOUT)) pour(c);
            if (goes_on) continue;
            ended += !c->half_closed;
            close(c->fd);
            connect_client(c);
        }
    }
    printf("%llu %llu\n", taken, ended);
    return 0;
}
