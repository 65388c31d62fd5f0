#include "unseal.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static void worker_free(unseal_worker *worker)
{
    ZSTD_freeDCtx(worker->decompressor);
    records_free(&worker->cipher);
    digest_free(&worker->hash);
    free(worker->sealed);
    free(worker->frame);
    free(worker->content);
}

status unseal_init(unseal_pipe *pipe, size_t run_slot_count, size_t frame_slot_count)
{
    memset(pipe, 0, sizeof *pipe);
    if (window_init(&pipe->w) != STATUS_OK)
        return STATUS_NO_MEMORY;
    pipe->runs = calloc(run_slot_count, sizeof *pipe->runs);
    pipe->frames = calloc(frame_slot_count, sizeof *pipe->frames);
    if (pipe->runs == NULL || pipe->frames == NULL) {
        free(pipe->runs);
        free(pipe->frames);
        pipe->runs = NULL;
        pipe->frames = NULL;
        window_free(&pipe->w);
        return STATUS_NO_MEMORY;
    }
    pipe->run_slot_count = run_slot_count;
    pipe->frame_slot_count = frame_slot_count;
    return STATUS_OK;
}

void unseal_free(unseal_pipe *pipe)
{
    if (pipe->runs == NULL)
        return;
    for (size_t i = 0; i < pipe->run_slot_count; i++)
        free(pipe->runs[i].sealed);
    for (size_t i = 0; i < pipe->frame_slot_count; i++)
        free(pipe->frames[i].content);
    free(pipe->runs);
    free(pipe->frames);
    free(pipe->ring.bytes);
    table_free(&pipe->walk.table);
    digest_free(&pipe->digest);
    worker_free(&pipe->own);
    window_free(&pipe->w);
    OPENSSL_cleanse(pipe, sizeof *pipe);
}

status unseal_begin(unseal_pipe *pipe, const record_key *key, size_t ring_capacity, pipe_end source, pipe_end target)
{
    status result = buffer_reserve(&pipe->ring.bytes, &pipe->ring.capacity, ring_capacity);
    if (result != STATUS_OK)
        return result;
    for (size_t i = 0; i < pipe->run_slot_count; i++)
        pipe->runs[i].state = RUN_EMPTY;
    for (size_t i = 0; i < pipe->frame_slot_count; i++)
        pipe->frames[i].state = FRAME_EMPTY;
    pipe->key = *key;
    pipe->own.keyed = 0;
    pipe->source = source;
    pipe->target = target;
    pipe->runs_loaded = pipe->runs_taken = pipe->runs_opened = 0;
    pipe->runs_in_flight = pipe->frames_in_flight = 0;
    pipe->run_limit = pipe->frame_limit = UINT64_MAX;
    pipe->writing = pipe->ended = pipe->all_opened = 0;
    pipe->ring.available = 0;
    walk_begin(&pipe->walk);
    pipe->walked = pipe->decoding = pipe->decoded = pipe->drained = 0;
    pipe->run_why = pipe->frame_why = (fault){0};
    pipe->content_walked = pipe->content_done = 0;
    pipe->w.stopped = 0;
    pipe->w.order_ns = 0;
    pipe->digesting = pipe->head_digested = 0;
    return STATUS_OK;
}

status unseal_digest_begin(unseal_pipe *pipe, const uint8_t *prefix, size_t length)
{
    status result = digest_begin(&pipe->digest);
    pipe->digesting = result == STATUS_OK;
    return result == STATUS_OK ? digest_add(&pipe->digest, prefix, length) : result;
}

static run_slot *run_of(const unseal_pipe *pipe, uint64_t run)
{
    return &pipe->runs[run % pipe->run_slot_count];
}

static frame_slot *frame_of(const unseal_pipe *pipe, uint64_t frame)
{
    return &pipe->frames[frame % pipe->frame_slot_count];
}

/* --- with the lock held: faults ---------------------------------------------------------------------------------- */

static void frame_fail(unseal_pipe *pipe, uint64_t frame, status code, const fault *why)
{
    if (frame >= pipe->frame_limit)
        return;
    pipe->frame_limit = frame;
    pipe->frame_why = *why;
    pipe->frame_why.code = code;
}

static void run_fail(unseal_pipe *pipe, uint64_t run, status code, const fault *why)
{
    if (run >= pipe->run_limit)
        return;
    pipe->run_limit = run;
    pipe->run_why = *why;
    pipe->run_why.code = code;
}

/* --- with the lock held: runs, walk, frames -------------------------------------------------------------------------- */

static void open_in_order(unseal_pipe *pipe)
{
    while (pipe->runs_opened < pipe->runs_taken && run_of(pipe, pipe->runs_opened)->state == RUN_OPEN) {
        run_slot *slot = run_of(pipe, pipe->runs_opened);
        slot->state = RUN_EMPTY;
        pipe->ring.available += slot->plain_length;
        if (pipe->runs_opened == pipe->run_limit)
            break; /* what was authentic before the fault may be used, nothing after it */
        pipe->all_opened = slot->is_last;
        pipe->runs_opened++;
    }
}

static void walk_in_order(unseal_pipe *pipe)
{
    uint64_t began = clock_ns();
    fault why = {0};
    while (pipe->frame_limit == UINT64_MAX && pipe->walked - pipe->drained < pipe->frame_slot_count) {
        frame_slot *slot = frame_of(pipe, pipe->walked);
        walk_result result = walk_on(&pipe->walk, &pipe->ring, &slot->place, &why.code);
        why.place = pipe->content_walked;
        if (result == WALK_FRAME) {
            slot->state = FRAME_WALKED;
            slot->offset = pipe->content_walked;
            pipe->content_walked += slot->place.content_length;
            pipe->walked++;
        } else if (result == WALK_FAILED) {
            frame_fail(pipe, pipe->walked, why.code, &why);
        } else if (result == WALK_STARVED) {
            if (pipe->all_opened && pipe->walk.phase != WALK_END)
                frame_fail(pipe, pipe->walked, STATUS_DAMAGED, &why); /* authentic, and yet it ends before its table */
            break;
        }
    }
    pipe->w.order_ns += clock_ns() - began;
}

/* The head frame as it was: its content is kept, and nothing else can have stood before that. */
static status digest_head(unseal_pipe *pipe)
{
    const metadata *head = &pipe->walk.head;
    uint8_t frame[SKIPPABLE_HEADER_LEN + METADATA_MAX], digest[DIGEST_LEN];
    put32(frame, MAGIC_HEAD);
    put32(frame + 4, (uint32_t)head->length);
    memcpy(frame + SKIPPABLE_HEADER_LEN, head->bytes, head->length);
    pipe->head_digested = 1;
    status result = digest_of(&pipe->own.hash, frame, SKIPPABLE_HEADER_LEN + head->length, digest);
    return result == STATUS_OK ? digest_add(&pipe->digest, digest, DIGEST_LEN) : result;
}

static status digest_in_order(unseal_pipe *pipe, const frame_slot *slot)
{
    status result = pipe->head_digested ? STATUS_OK : digest_head(pipe);
    return result == STATUS_OK ? digest_add(&pipe->digest, slot->digest, DIGEST_LEN) : result;
}

static void drain_in_order(unseal_pipe *pipe)
{
    while (pipe->decoded < pipe->decoding && frame_of(pipe, pipe->decoded)->state >= FRAME_DECODED) {
        frame_slot *slot = frame_of(pipe, pipe->decoded);
        status result = pipe->digesting ? digest_in_order(pipe, slot) : STATUS_OK;
        if (result != STATUS_OK) {
            fault why = {.place = slot->offset};
            frame_fail(pipe, pipe->decoded, result, &why);
            break;
        }
        pipe->decoded++;
    }
    while (pipe->drained < pipe->decoded && frame_of(pipe, pipe->drained)->state == FRAME_DONE) {
        frame_slot *slot = frame_of(pipe, pipe->drained++);
        slot->state = FRAME_EMPTY;
        pipe->content_done += slot->place.content_length;
    }
}

/* DRAIN: whether the next frame in order waits for it. */
static int frame_waits(const unseal_pipe *pipe)
{
    return pipe->drained < pipe->decoding && pipe->drained < pipe->frame_limit && frame_of(pipe, pipe->drained)->state == FRAME_DECODED;
}

/* A positioned source: the next run is there as soon as its slot is free. */
static void load_next(unseal_pipe *pipe)
{
    if (pipe->source.kind == END_IN_TURN || pipe->ended || pipe->runs_loaded - pipe->runs_opened >= pipe->run_slot_count)
        return;
    run_slot *slot = run_of(pipe, pipe->runs_loaded);
    uint64_t left = pipe->source.length - pipe->runs_loaded * RUN_SEALED;
    slot->is_last = left < RUN_SEALED;
    slot->sealed_length = slot->is_last ? (size_t)left : RUN_SEALED;
    slot->state = RUN_LOADED;
    pipe->runs_loaded++;
    pipe->ended = slot->is_last;
}

static uint64_t ring_begin(const unseal_pipe *pipe)
{
    return pipe->decoded < pipe->walked ? frame_of(pipe, pipe->decoded)->place.at : pipe->walk.at;
}

static int run_fits(const unseal_pipe *pipe)
{
    return (pipe->runs_taken + 1) * RUN_PLAIN - ring_begin(pipe) <= pipe->ring.capacity;
}

static int run_is_ready(const unseal_pipe *pipe)
{
    return pipe->runs_taken < pipe->runs_loaded && pipe->runs_taken < pipe->run_limit && pipe->frame_limit == UINT64_MAX;
}

/* Whether the next run can never fit: nothing is under way that could make room, and a frame waits for bytes. */
static int ring_is_too_small(const unseal_pipe *pipe)
{
    return pipe->runs_in_flight == 0 && pipe->frames_in_flight == 0 && pipe->runs_opened == pipe->runs_taken
           && pipe->decoded == pipe->walked && walk_is_inside_frame(&pipe->walk, &pipe->ring);
}

static int is_complete(const unseal_pipe *pipe)
{
    return pipe->walk.phase == WALK_END && pipe->all_opened && pipe->drained == pipe->walked && pipe->frame_limit == UINT64_MAX;
}

static int is_failed(const unseal_pipe *pipe)
{
    if (pipe->w.stopped || pipe->drained >= pipe->frame_limit)
        return 1;
    return pipe->runs_opened >= pipe->run_limit && pipe->drained == pipe->walked && pipe->frame_limit == UINT64_MAX;
}

/* What the calling thread can do now: a set of POLL_. */
static int ready(const unseal_pipe *pipe)
{
    int set = 0;
    if (is_failed(pipe))
        return POLL_FAILED;
    if (is_complete(pipe))
        return POLL_DONE;
    if (pipe->target.kind == END_IN_TURN && frame_waits(pipe))
        set |= POLL_DRAIN;
    if (pipe->source.kind == END_IN_TURN && !pipe->ended && pipe->run_limit == UINT64_MAX && pipe->frame_limit == UINT64_MAX
        && pipe->runs_loaded - pipe->runs_opened < pipe->run_slot_count)
        set |= POLL_FEED;
    return set;
}

/* Whether that is worth a waking, which costs as much as a small frame: the end is, and a quarter of a window to feed or to drain. */
static int is_worth_waking(const unseal_pipe *pipe)
{
    int set = ready(pipe);
    uint64_t empty = pipe->runs_opened + pipe->run_slot_count - pipe->runs_loaded;
    return set & (POLL_DONE | POLL_FAILED) || (set & POLL_DRAIN && 4 * (pipe->decoded - pipe->drained) >= pipe->frame_slot_count)
           || (set & POLL_FEED && 4 * empty >= pipe->run_slot_count);
}

/* Something has changed. Between two files the calling thread sleeps to the end. */
static void tell(unseal_pipe *pipe)
{
    signal_all(&pipe->w.work);
    if (is_worth_waking(pipe))
        signal_one(&pipe->w.turn);
}

/* --- without the lock ----------------------------------------------------------------------------------------------- */

static status open_run(unseal_pipe *pipe, unseal_worker *worker, uint64_t run, run_slot *slot, fault *why)
{
    const uint8_t *sealed = slot->sealed;
    uint8_t *plain = pipe->ring.bytes + run * RUN_PLAIN % pipe->ring.capacity;
    status result;
    slot->plain_length = 0;
    why->place = run * RUN_SEALED;
    why->where = IN_RECORD;
    if (!worker->keyed && (result = records_init(&worker->cipher, &pipe->key, RECORDS_OPEN)) != STATUS_OK)
        return result;
    worker->keyed = 1;
    if (pipe->source.kind == END_MEMORY)
        sealed = pipe->source.memory + run * RUN_SEALED;
    else if (pipe->source.kind == END_FILE) {
        if ((result = buffer_reserve(&worker->sealed, &worker->sealed_capacity, slot->sealed_length)) != STATUS_OK
            || (result = end_read(&pipe->source, run * RUN_SEALED, worker->sealed, slot->sealed_length, why)) != STATUS_OK)
            return result;
        sealed = worker->sealed;
    }
    uint64_t number = run * RUN_RECORDS;
    for (size_t at = 0; at < slot->sealed_length || (slot->is_last && at == slot->sealed_length); at += RECORD_SEALED) {
        size_t length = slot->sealed_length - at < RECORD_SEALED ? slot->sealed_length - at : RECORD_SEALED;
        why->place = number * RECORD_SEALED;
        why->where = length < RECORD_SEALED ? IN_LAST_RECORD : IN_RECORD;
        if (length < TAG_LEN)
            return STATUS_CUT_OFF;
        if ((result = record_open(&worker->cipher, number++, sealed + at, length, plain + slot->plain_length)) != STATUS_OK)
            return result;
        slot->plain_length += length - TAG_LEN;
    }
    return STATUS_OK;
}

static status decode(unseal_pipe *pipe, unseal_worker *worker, frame_slot *slot, fault *why)
{
    const frame_place *place = &slot->place;
    size_t from = place->at % pipe->ring.capacity;
    const uint8_t *frame = pipe->ring.bytes + from;
    uint8_t *content;
    status result;
    why->place = slot->offset;
    if (worker->decompressor == NULL && (worker->decompressor = ZSTD_createDCtx()) == NULL)
        return STATUS_NO_MEMORY;
    if (place->frame_length > pipe->ring.capacity - from) {
        if ((result = buffer_reserve(&worker->frame, &worker->frame_capacity, place->frame_length)) != STATUS_OK)
            return result;
        ring_copy(&pipe->ring, place->at, worker->frame, place->frame_length);
        frame = worker->frame;
    }
    if (pipe->target.kind == END_MEMORY) {
        if (slot->offset + place->content_length > pipe->target.length)
            return STATUS_TARGET_FULL;
        content = pipe->target.memory + slot->offset;
    } else if (pipe->target.kind != END_NOWHERE) {
        if ((result = buffer_reserve(&slot->content, &slot->capacity, place->content_length)) != STATUS_OK)
            return result;
        content = slot->content;
    } else {
        if ((result = buffer_reserve(&worker->content, &worker->content_capacity, place->content_length)) != STATUS_OK)
            return result;
        content = worker->content;
    }
    result = frame_decompress(worker->decompressor, frame, place->frame_length, content, place->content_length);
    if (result == STATUS_OK && pipe->digesting)
        result = digest_of(&worker->hash, frame, place->frame_length, slot->digest);
    return result;
}

/* --- pieces of work: called and left with the lock held ------------------------------------------------------------ */

static void write_next(unseal_pipe *pipe)
{
    fault why = {0};
    uint64_t frame = pipe->drained;
    frame_slot *slot = frame_of(pipe, frame);
    pipe->writing = 1;
    lock_give(&pipe->w.lock);
    status result = end_write(&pipe->target, slot->offset, slot->content, slot->place.content_length, &why);
    lock_take(&pipe->w.lock);
    pipe->writing = 0;
    if (result == STATUS_OK)
        slot->state = FRAME_DONE;
    else
        frame_fail(pipe, frame, result, &why);
}

static void decode_next(unseal_pipe *pipe, unseal_worker *worker)
{
    fault why = {0};
    uint64_t frame = pipe->decoding++;
    frame_slot *slot = frame_of(pipe, frame);
    pipe->frames_in_flight++;
    lock_give(&pipe->w.lock);
    status result = decode(pipe, worker, slot, &why);
    lock_take(&pipe->w.lock);
    pipe->frames_in_flight--;
    if (result == STATUS_OK)
        slot->state = pipe->target.kind == END_IN_TURN || pipe->target.kind == END_FILE ? FRAME_DECODED : FRAME_DONE;
    else
        frame_fail(pipe, frame, result, &why);
}

static void open_next(unseal_pipe *pipe, unseal_worker *worker)
{
    fault why = {0};
    uint64_t run = pipe->runs_taken++;
    run_slot *slot = run_of(pipe, run);
    pipe->runs_in_flight++;
    lock_give(&pipe->w.lock);
    status result = open_run(pipe, worker, run, slot, &why);
    lock_take(&pipe->w.lock);
    pipe->runs_in_flight--;
    slot->state = RUN_OPEN;
    if (result != STATUS_OK)
        run_fail(pipe, run, result, &why);
    open_in_order(pipe);
}

static void ring_make_room(unseal_pipe *pipe)
{
    fault why = {0};
    if (ring_grow(&pipe->ring, ring_begin(pipe), 2 * pipe->ring.capacity) != STATUS_OK)
        run_fail(pipe, pipe->runs_taken, STATUS_NO_MEMORY, &why);
}

/* One ready piece, the nearest to the end first; 0 if there is none. */
static int work_once(unseal_pipe *pipe, unseal_worker *worker)
{
    load_next(pipe);
    if (pipe->target.kind == END_FILE && !pipe->writing && frame_waits(pipe))
        write_next(pipe);
    else if (pipe->decoding < pipe->walked && pipe->decoding < pipe->frame_limit)
        decode_next(pipe, worker);
    else if (run_is_ready(pipe) && run_fits(pipe))
        open_next(pipe, worker);
    else if (run_is_ready(pipe) && ring_is_too_small(pipe))
        ring_make_room(pipe);
    else
        return 0;
    drain_in_order(pipe);
    walk_in_order(pipe);
    tell(pipe);
    return 1;
}

void unseal_work(unseal_pipe *pipe)
{
    unseal_worker worker = {0};
    lock_take(&pipe->w.lock);
    while (!is_complete(pipe) && !is_failed(pipe)) {
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

/* --- the calling thread --------------------------------------------------------------------------------------------- */

int unseal_step(unseal_pipe *pipe)
{
    lock_take(&pipe->w.lock);
    int done = !is_complete(pipe) && !is_failed(pipe) && work_once(pipe, &pipe->own);
    lock_give(&pipe->w.lock);
    return done;
}

int unseal_poll(unseal_pipe *pipe, unsigned ms)
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

status unseal_reserve(unseal_pipe *pipe, uint8_t **buffer, size_t *length)
{
    run_slot *slot = run_of(pipe, pipe->runs_loaded);
    status result = buffer_reserve(&slot->sealed, &slot->capacity, RUN_SEALED);
    *buffer = slot->sealed;
    *length = RUN_SEALED;
    return result;
}

void unseal_commit(unseal_pipe *pipe, size_t length, int last)
{
    lock_take(&pipe->w.lock);
    run_slot *slot = run_of(pipe, pipe->runs_loaded++);
    slot->sealed_length = length;
    slot->is_last = last;
    slot->state = RUN_LOADED;
    pipe->ended = last;
    signal_one(&pipe->w.work);
    lock_give(&pipe->w.lock);
}

void unseal_output(unseal_pipe *pipe, uint8_t **buffer, size_t *length)
{
    frame_slot *slot = frame_of(pipe, pipe->drained);
    *buffer = slot->content;
    *length = slot->place.content_length;
}

void unseal_release(unseal_pipe *pipe)
{
    lock_take(&pipe->w.lock);
    frame_of(pipe, pipe->drained)->state = FRAME_DONE;
    drain_in_order(pipe);
    walk_in_order(pipe);
    signal_all(&pipe->w.work);
    lock_give(&pipe->w.lock);
}

status unseal_digest_end(unseal_pipe *pipe, uint8_t digest[DIGEST_LEN])
{
    if (!pipe->digesting)
        return STATUS_LIBRARY;
    pipe->digesting = 0;
    status result = pipe->head_digested ? STATUS_OK : digest_head(pipe);
    return result == STATUS_OK ? digest_end(&pipe->digest, digest) : result;
}

fault unseal_fault(unseal_pipe *pipe)
{
    lock_take(&pipe->w.lock);
    fault why = pipe->frame_limit != UINT64_MAX ? pipe->frame_why : pipe->run_why;
    lock_give(&pipe->w.lock);
    return why;
}
