#include "seal.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)
#define PIECE_RECORDS 16 /* records on their way to a file: 256 KiB, a part of a core's cache */

static void worker_free(seal_worker *worker)
{
    ZSTD_freeCCtx(worker->compressor);
    records_free(&worker->cipher);
    digest_free(&worker->hash);
    free(worker->buffer);
}

status seal_init(seal_pipe *pipe, size_t slot_count)
{
    memset(pipe, 0, sizeof *pipe);
    if (window_init(&pipe->w) != STATUS_OK)
        return STATUS_NO_MEMORY;
    pipe->slots = calloc(slot_count, sizeof *pipe->slots);
    if (pipe->slots == NULL) {
        window_free(&pipe->w);
        return STATUS_NO_MEMORY;
    }
    pipe->slot_count = slot_count;
    return STATUS_OK;
}

void seal_free(seal_pipe *pipe)
{
    if (pipe->slots == NULL)
        return;
    for (size_t i = 0; i < pipe->slot_count; i++) {
        free(pipe->slots[i].in_turn);
        free(pipe->slots[i].packed);
    }
    free(pipe->slots);
    table_free(&pipe->table);
    digest_free(&pipe->digest);
    worker_free(&pipe->own);
    window_free(&pipe->w);
    OPENSSL_cleanse(pipe, sizeof *pipe);
}

status seal_begin(seal_pipe *pipe, const record_key *key, int level, size_t frame_size, pipe_end source, pipe_end target,
                  const uint8_t *first, size_t first_length)
{
    for (size_t i = 0; i < pipe->slot_count; i++)
        pipe->slots[i].state = SLOT_EMPTY;
    pipe->key = *key;
    pipe->own.keyed = 0;
    pipe->level = level;
    pipe->frame_size = frame_size;
    pipe->grow_at[0] = 1u << 20;
    pipe->grow_at[1] = 1u << 21;
    pipe->source = source;
    pipe->target = target;
    pipe->loaded = pipe->taken = pipe->fixed = pipe->sealing = pipe->drained = 0;
    pipe->limit = UINT64_MAX;
    pipe->why = (fault){0};
    pipe->content_done = pipe->content_taken = pipe->records = 0;
    pipe->ended = source.kind != END_IN_TURN && source.length == 0;
    pipe->w.stopped = 0;
    pipe->w.order_ns = 0;
    memcpy(pipe->carry, first, first_length);
    pipe->carry_length = first_length;
    pipe->table.count = 0;
    pipe->digesting = 0;
    pipe->finished = 0;
    pipe->last_records = 0;
    return table_add(&pipe->table, first_length, 0);
}

status seal_digest_begin(seal_pipe *pipe, const uint8_t *prefix, size_t prefix_length, const uint8_t *first, size_t first_length)
{
    uint8_t head[DIGEST_LEN];
    status result = digest_of(&pipe->own.hash, first, first_length, head);
    if (result != STATUS_OK || (result = digest_begin(&pipe->digest)) != STATUS_OK
        || (result = digest_add(&pipe->digest, prefix, prefix_length)) != STATUS_OK)
        return result;
    pipe->digesting = 1;
    return digest_add(&pipe->digest, head, DIGEST_LEN);
}

status seal_digest_end(seal_pipe *pipe, uint8_t digest[DIGEST_LEN])
{
    if (!pipe->digesting)
        return STATUS_LIBRARY;
    pipe->digesting = 0;
    return digest_end(&pipe->digest, digest);
}

static size_t frame_size_of(const seal_pipe *pipe, uint64_t frame)
{
    size_t least = frame >= pipe->grow_at[1] ? 16 * MIB : frame >= pipe->grow_at[0] ? 4 * MIB : 0;
    return pipe->frame_size > least ? pipe->frame_size : least;
}

/* Room for a frame's input, and later for the records of its run. */
static size_t in_turn_need(size_t content)
{
    size_t run = RECORD_PLAIN + ZSTD_compressBound(content);
    return (run / RECORD_PLAIN + 1) * RECORD_SEALED;
}

static seal_slot *slot_of(const seal_pipe *pipe, uint64_t frame)
{
    return &pipe->slots[frame % pipe->slot_count];
}

/* --- with the lock held ------------------------------------------------------------------------------------------- */

static void seal_fail(seal_pipe *pipe, uint64_t frame, status code, const fault *why)
{
    if (frame >= pipe->limit)
        return;
    pipe->limit = frame;
    pipe->why = *why;
    pipe->why.code = code;
}

static int work_is_over(const seal_pipe *pipe)
{
    return pipe->w.stopped || pipe->drained >= pipe->limit || (pipe->ended && pipe->sealing == pipe->loaded);
}

/* FIX: the frames that are packed next in order get their places. Copies fewer than 2 records a frame. */
static void fix_in_order(seal_pipe *pipe)
{
    uint64_t began = clock_ns();
    while (pipe->fixed < pipe->taken && pipe->fixed < pipe->limit) {
        seal_slot *slot = slot_of(pipe, pipe->fixed);
        if (slot->state != SLOT_PACKED)
            break;
        /* the last row is the tail's */
        status result = pipe->table.count < MAX_FRAMES - 1 ? table_add(&pipe->table, slot->frame_length, slot->content_length)
                                                           : STATUS_TOO_MANY_FRAMES;
        if (result == STATUS_OK && pipe->digesting)
            result = digest_add(&pipe->digest, slot->digest, DIGEST_LEN);
        if (result != STATUS_OK) {
            fault why = {.place = slot->offset};
            seal_fail(pipe, pipe->fixed, result, &why);
            break;
        }
        slot->run = slot->packed + RECORD_PLAIN - pipe->carry_length;
        memcpy(slot->run, pipe->carry, pipe->carry_length);
        size_t length = pipe->carry_length + slot->frame_length;
        slot->run_length = length / RECORD_PLAIN * RECORD_PLAIN;
        slot->first_record = pipe->records;
        pipe->records += slot->run_length / RECORD_PLAIN;
        pipe->carry_length = length - slot->run_length;
        memcpy(pipe->carry, slot->run + slot->run_length, pipe->carry_length);
        pipe->fixed++;
    }
    pipe->w.order_ns += clock_ns() - began;
}

static void drain_in_order(seal_pipe *pipe)
{
    while (pipe->drained < pipe->sealing && slot_of(pipe, pipe->drained)->state == SLOT_DONE) {
        seal_slot *slot = slot_of(pipe, pipe->drained++);
        slot->state = SLOT_EMPTY;
        pipe->content_done += slot->content_length;
    }
}

/* A positioned source: the next frame is there as soon as its slot is free. */
static void load_next(seal_pipe *pipe)
{
    if (pipe->source.kind == END_IN_TURN || pipe->ended || pipe->loaded >= pipe->drained + pipe->slot_count)
        return;
    seal_slot *slot = slot_of(pipe, pipe->loaded);
    uint64_t left = pipe->source.length - pipe->content_taken;
    size_t size = frame_size_of(pipe, pipe->loaded);
    slot->offset = pipe->content_taken;
    slot->content_length = left < size ? (size_t)left : size;
    slot->state = SLOT_LOADED;
    pipe->content_taken += slot->content_length;
    pipe->loaded++;
    pipe->ended = pipe->content_taken == pipe->source.length;
}

/* What the calling thread can do now: a set of POLL_. */
static int ready(const seal_pipe *pipe)
{
    int set = 0;
    if (pipe->w.stopped || pipe->drained >= pipe->limit)
        return POLL_FAILED;
    if (pipe->target.kind == END_IN_TURN && pipe->drained < pipe->sealing && slot_of(pipe, pipe->drained)->state == SLOT_SEALED)
        set |= POLL_DRAIN;
    if (pipe->source.kind == END_IN_TURN && !pipe->ended && pipe->limit == UINT64_MAX && pipe->loaded < pipe->drained + pipe->slot_count)
        set |= POLL_FEED;
    if (pipe->ended && pipe->drained == pipe->loaded)
        set |= POLL_DONE;
    return set;
}

/* Whether that is worth a waking, which costs as much as a small frame: the end is, and a quarter of a window to feed or to drain. */
static int is_worth_waking(const seal_pipe *pipe)
{
    int set = ready(pipe);
    uint64_t empty = pipe->drained + pipe->slot_count - pipe->loaded;
    return set & (POLL_DONE | POLL_FAILED) || (set & POLL_DRAIN && 4 * (pipe->sealing - pipe->drained) >= pipe->slot_count)
           || (set & POLL_FEED && 4 * empty >= pipe->slot_count);
}

/* Something has changed. Between two files the calling thread sleeps to the end. */
static void tell(seal_pipe *pipe)
{
    signal_all(&pipe->w.work);
    if (is_worth_waking(pipe))
        signal_one(&pipe->w.turn);
}

/* --- without the lock --------------------------------------------------------------------------------------------- */

static status pack(seal_pipe *pipe, seal_worker *worker, seal_slot *slot, fault *why)
{
    size_t bound = ZSTD_compressBound(slot->content_length);
    const uint8_t *content = slot->in_turn;
    status result;
    why->place = slot->offset;
    if (worker->compressor == NULL || worker->level != pipe->level) {
        ZSTD_freeCCtx(worker->compressor);
        worker->compressor = frame_compressor(pipe->level);
        worker->level = pipe->level;
        if (worker->compressor == NULL)
            return STATUS_NO_MEMORY;
    }
    if ((result = buffer_reserve(&slot->packed, &slot->packed_capacity, RECORD_PLAIN + bound)) != STATUS_OK)
        return result;
    if (pipe->source.kind == END_MEMORY) {
        content = pipe->source.memory + slot->offset;
    } else if (pipe->source.kind == END_FILE) {
        if ((result = buffer_reserve(&worker->buffer, &worker->capacity, slot->content_length)) != STATUS_OK
            || (result = end_read(&pipe->source, slot->offset, worker->buffer, slot->content_length, why)) != STATUS_OK)
            return result;
        content = worker->buffer;
    }
    result = frame_compress(worker->compressor, content, slot->content_length, slot->packed + RECORD_PLAIN, bound, &slot->frame_length);
    if (result == STATUS_OK && pipe->digesting)
        result = digest_of(&worker->hash, slot->packed + RECORD_PLAIN, slot->frame_length, slot->digest);
    return result;
}

static status encrypt(seal_pipe *pipe, seal_worker *worker, seal_slot *slot, fault *why)
{
    status result;
    why->place = slot->offset;
    if (!worker->keyed && (result = records_init(&worker->cipher, &pipe->key, RECORDS_SEAL)) != STATUS_OK)
        return result;
    worker->keyed = 1;
    if (pipe->target.kind != END_FILE) {
        if ((result = buffer_reserve(&slot->in_turn, &slot->in_turn_capacity, in_turn_need(slot->content_length))) != STATUS_OK)
            return result;
        return records_seal(&worker->cipher, slot->first_record, slot->run, slot->run_length, slot->in_turn);
    }
    if ((result = buffer_reserve(&worker->buffer, &worker->capacity, PIECE_RECORDS * RECORD_SEALED)) != STATUS_OK)
        return result;
    for (size_t at = 0; at < slot->run_length; at += PIECE_RECORDS * RECORD_PLAIN) {
        size_t left = (slot->run_length - at) / RECORD_PLAIN;
        size_t records = left < PIECE_RECORDS ? left : PIECE_RECORDS;
        uint64_t first = slot->first_record + at / RECORD_PLAIN;
        result = records_seal(&worker->cipher, first, slot->run + at, records * RECORD_PLAIN, worker->buffer);
        if (result == STATUS_OK)
            result = end_write(&pipe->target, first * RECORD_SEALED, worker->buffer, records * RECORD_SEALED, why);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

/* One ready piece, the oldest first; 0 if there is none. Called and left with the lock held. */
static int work_once(seal_pipe *pipe, seal_worker *worker)
{
    fault why = {0};
    status result;
    if (pipe->sealing < pipe->fixed && pipe->sealing < pipe->limit) {
        uint64_t frame = pipe->sealing++;
        seal_slot *slot = slot_of(pipe, frame);
        lock_give(&pipe->w.lock);
        result = encrypt(pipe, worker, slot, &why);
        lock_take(&pipe->w.lock);
        slot->state = pipe->target.kind == END_IN_TURN && slot->run_length ? SLOT_SEALED : SLOT_DONE;
        if (result == STATUS_OK)
            drain_in_order(pipe);
        else
            seal_fail(pipe, frame, result, &why);
        tell(pipe);
        return 1;
    }
    load_next(pipe);
    if (pipe->taken < pipe->loaded && pipe->taken < pipe->limit) {
        uint64_t frame = pipe->taken++;
        seal_slot *slot = slot_of(pipe, frame);
        lock_give(&pipe->w.lock);
        result = pack(pipe, worker, slot, &why);
        lock_take(&pipe->w.lock);
        slot->state = SLOT_PACKED;
        if (result != STATUS_OK)
            seal_fail(pipe, frame, result, &why);
        fix_in_order(pipe);
        tell(pipe);
        return 1;
    }
    return 0;
}

void seal_work(seal_pipe *pipe)
{
    seal_worker worker = {0};
    lock_take(&pipe->w.lock);
    while (!work_is_over(pipe)) {
        if (work_once(pipe, &worker))
            continue;
        if (ready(pipe))
            signal_one(&pipe->w.turn); /* however little it is: there is nothing else to do */
        signal_wait(&pipe->w.work, &pipe->w.lock);
    }
    signal_one(&pipe->w.turn);
    lock_give(&pipe->w.lock);
    worker_free(&worker);
}

/* --- the calling thread ------------------------------------------------------------------------------------------- */

int seal_step(seal_pipe *pipe)
{
    lock_take(&pipe->w.lock);
    int done = !work_is_over(pipe) && work_once(pipe, &pipe->own);
    lock_give(&pipe->w.lock);
    return done;
}

int seal_poll(seal_pipe *pipe, unsigned ms)
{
    lock_take(&pipe->w.lock);
    int set = ready(pipe);
    if (set == 0 && ms > 0) {
        signal_wait_ms(&pipe->w.turn, &pipe->w.lock, ms);
        set = ready(pipe);
    }
    lock_give(&pipe->w.lock);
    return set;
}

status seal_reserve(seal_pipe *pipe, uint8_t **buffer, size_t *length)
{
    seal_slot *slot = slot_of(pipe, pipe->loaded);
    *length = frame_size_of(pipe, pipe->loaded);
    status result = buffer_reserve(&slot->in_turn, &slot->in_turn_capacity, in_turn_need(*length));
    *buffer = slot->in_turn;
    return result;
}

void seal_commit(seal_pipe *pipe, size_t length)
{
    lock_take(&pipe->w.lock);
    seal_slot *slot = slot_of(pipe, pipe->loaded++);
    slot->offset = pipe->content_taken;
    slot->content_length = length;
    slot->state = SLOT_LOADED;
    pipe->content_taken += length;
    signal_one(&pipe->w.work);
    lock_give(&pipe->w.lock);
}

void seal_end(seal_pipe *pipe)
{
    lock_take(&pipe->w.lock);
    pipe->ended = 1;
    signal_all(&pipe->w.work);
    lock_give(&pipe->w.lock);
}

void seal_output(seal_pipe *pipe, uint8_t **buffer, size_t *length)
{
    seal_slot *slot = slot_of(pipe, pipe->drained);
    *buffer = slot->in_turn;
    *length = slot->run_length / RECORD_PLAIN * RECORD_SEALED;
}

void seal_release(seal_pipe *pipe)
{
    lock_take(&pipe->w.lock);
    slot_of(pipe, pipe->drained)->state = SLOT_DONE;
    drain_in_order(pipe);
    signal_all(&pipe->w.work);
    lock_give(&pipe->w.lock);
}

void seal_finish(seal_pipe *pipe, const uint8_t *tail, size_t tail_length, size_t padding)
{
    ending_begin(&pipe->ending, &pipe->table, tail, tail_length, padding);
    pipe->last_left = pipe->carry_length + tail_length + table_length(&pipe->table);
    for (size_t row = pipe->table.count - padding; row < pipe->table.count; row++)
        pipe->last_left += pipe->table.rows[row].frame_length;
}

/* How much of the stream the next of the last records take. Less than whole records: the short one is among them, and may be empty. */
static size_t finish_plain(const seal_pipe *pipe)
{
    const size_t most = FINISH_RECORDS * RECORD_PLAIN;
    return pipe->last_left < most ? (size_t)pipe->last_left : most;
}

size_t seal_finish_length(const seal_pipe *pipe)
{
    size_t plain = finish_plain(pipe), records = plain / RECORD_PLAIN;
    if (pipe->finished)
        return 0;
    return plain + TAG_LEN * (records < FINISH_RECORDS ? records + 1 : records);
}

status seal_finish_next(seal_pipe *pipe, uint8_t *out)
{
    seal_worker *own = &pipe->own;
    size_t plain = finish_plain(pipe), carry = pipe->carry_length;
    size_t records = plain / RECORD_PLAIN, whole = records * RECORD_PLAIN;
    uint64_t first = pipe->records + pipe->last_records;
    status result;
    if (!own->keyed && (result = records_init(&own->cipher, &pipe->key, RECORDS_SEAL)) != STATUS_OK)
        return result;
    own->keyed = 1;
    if ((result = buffer_reserve(&own->buffer, &own->capacity, plain + 1)) != STATUS_OK)
        return result;
    memcpy(own->buffer, pipe->carry, carry);
    ending_copy(&pipe->ending, &pipe->table, own->buffer + carry, plain - carry);
    pipe->carry_length = 0;
    pipe->last_records += records;
    pipe->last_left -= plain;
    result = records_seal(&own->cipher, first, own->buffer, whole, out);
    if (result == STATUS_OK && records < FINISH_RECORDS) {
        pipe->finished = 1;
        result = records_seal_last(&own->cipher, first + records, own->buffer + whole, plain - whole, out + records * RECORD_SEALED);
    }
    return result;
}
