// hiredis' reply reader and command formatter, in one shape for 0.14 and 1.x.
//
// The two differ in the type of an array's element count and in the reply functions they know; both are settled here, so that
// Swift sees neither. Nothing of hiredis' own connections (sync or async) is to be used.

#ifndef VOLARY_CHIREDIS_SHIM_H
#define VOLARY_CHIREDIS_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

// Takes what the reader finds. Each function answers whether the value is accepted; a refusal ends the reader for good. Must
// outlive the reader that it was given to.
typedef struct volary_reply_sink {
    void *context;
    // `type`: REDIS_REPLY_STRING, _STATUS or _ERROR.
    bool (*string)(void *context, int type, const char *bytes, size_t length);
    bool (*array)(void *context, size_t elements);
    bool (*integer)(void *context, long long value);
    bool (*null)(void *context);
    // A type that only RESP3 has.
    void (*unsupported)(void *context);
} volary_reply_sink;

// The reader takes any non-null pointer as "made"; values live on the Swift side.
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
    // RESP2 writes null as a string or an array of length -1; the type of its own is RESP3's.
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

// Null when memory is short. To be freed with redisReaderFree.
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

// The type of the value that the reader is in the middle of; -1 when it has not seen one.
static inline int volary_reader_current_type(const redisReader *reader) {
    if (reader->ridx < 0) return -1;
#if HIREDIS_MAJOR >= 1
    return reader->task[reader->ridx]->type;
#else
    return reader->rstack[reader->ridx].type;
#endif
}

#endif
