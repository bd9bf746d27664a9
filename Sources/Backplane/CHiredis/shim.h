// hiredis' reply reader and command formatter, in one form for versions 0.14 and 1.x.
//
// The two versions differ in the type of an array's element count and in the set of reply functions. This file hides both
// differences from Swift. hiredis' own connections (sync or async) are not used.

#ifndef VOLARY_CHIREDIS_SHIM_H
#define VOLARY_CHIREDIS_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

// Receives what the reader parses. Each function returns whether it accepts the value; a refusal stops the reader for good. Must
// outlive the reader that it was given to.
typedef struct volary_reply_sink {
    void *context;
    // `type`: REDIS_REPLY_STRING, _STATUS or _ERROR.
    bool (*string)(void *context, int type, const char *bytes, size_t length);
    bool (*array)(void *context, size_t elements);
    bool (*integer)(void *context, long long value);
    bool (*null)(void *context);
    // A type that exists only in RESP3.
    void (*unsupported)(void *context);
} volary_reply_sink;

// The reader treats any non-null pointer as a created object; the values live on the Swift side.
static inline void *volary_made(const volary_reply_sink *sink, bool accepted) {
    return accepted ? (void *)sink : NULL;
}

static void *volary_create_string(const redisReadTask *task, char *bytes, size_t length) {
    const volary_reply_sink *sink = (const volary_reply_sink *)task->privdata;
    switch (task->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        return volary_made(sink, sink->string(sink->context, task->type, bytes, length));
    default:
        sink->unsupported(sink->context);
        return NULL;
    }
}

#if HIREDIS_MAJOR >= 1
static void *volary_create_array(const redisReadTask *task, size_t elements) {
#else
static void *volary_create_array(const redisReadTask *task, int elements) {
#endif
    const volary_reply_sink *sink = (const volary_reply_sink *)task->privdata;
    if (task->type != REDIS_REPLY_ARRAY) {
        sink->unsupported(sink->context);
        return NULL;
    }
    return volary_made(sink, sink->array(sink->context, (size_t)elements));
}

static void *volary_create_integer(const redisReadTask *task, long long value) {
    const volary_reply_sink *sink = (const volary_reply_sink *)task->privdata;
    return volary_made(sink, sink->integer(sink->context, value));
}

static void *volary_create_null(const redisReadTask *task) {
    const volary_reply_sink *sink = (const volary_reply_sink *)task->privdata;
    // RESP2 writes null as a string or an array of length -1. The separate type is RESP3's.
    if (task->type == REDIS_REPLY_NIL) {
        sink->unsupported(sink->context);
        return NULL;
    }
    return volary_made(sink, sink->null(sink->context));
}

#if HIREDIS_MAJOR >= 1
static void *volary_create_double(const redisReadTask *task, double value, char *bytes, size_t length) {
    const volary_reply_sink *sink = (const volary_reply_sink *)task->privdata;
    (void)value, (void)bytes, (void)length;
    sink->unsupported(sink->context);
    return NULL;
}

static void *volary_create_bool(const redisReadTask *task, int value) {
    const volary_reply_sink *sink = (const volary_reply_sink *)task->privdata;
    (void)value;
    sink->unsupported(sink->context);
    return NULL;
}
#endif

static void volary_free_object(void *object) {
    (void)object;
}

// Returns null when memory is short. The caller frees the reader with redisReaderFree.
static inline redisReader *volary_reader_create(volary_reply_sink *sink) {
    static redisReplyObjectFunctions functions = {
        .createString = volary_create_string,
        .createArray = volary_create_array,
        .createInteger = volary_create_integer,
        .createNil = volary_create_null,
#if HIREDIS_MAJOR >= 1
        .createDouble = volary_create_double,
        .createBool = volary_create_bool,
#endif
        .freeObject = volary_free_object,
    };
    redisReader *reader = redisReaderCreateWithFunctions(&functions);
    if (reader != NULL) reader->privdata = sink;
    return reader;
}

// The type of the value that the reader is currently parsing; -1 when it has not read a type yet.
static inline int volary_reader_current_type(const redisReader *reader) {
    if (reader->ridx < 0) return -1;
#if HIREDIS_MAJOR >= 1
    return reader->task[reader->ridx]->type;
#else
    return reader->rstack[reader->ridx].type;
#endif
}

#endif
