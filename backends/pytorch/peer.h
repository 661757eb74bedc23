/* A program of someone else's in a process of its own, spoken to over a socket: a request is bytes
 * of the caller's, its answer one line, a word of circ_status_name and a detail. It knows nothing
 * of what is computed. */
#ifndef CIRC_PEER_H
#define CIRC_PEER_H

#include "backends/core/status.h"

#include <stdbool.h>
#include <stddef.h>

struct circ_peer;

/* Starts `python -I -c script` with the socket as its standard input; what it prints is dropped.
 * ABSENT when it cannot be started, MEMORY. */
CIRC_MUST_USE enum circ_status circ_peer_start(struct circ_peer **peer, const char *python,
                                               const char *script, struct circ_error *err);

/* Closes the socket, which ends the process, and waits for it. NULL allowed. */
void circ_peer_stop(struct circ_peer *peer);

/* Whether an earlier call found that the process has ended: the peer is then good for nothing but
 * circ_peer_stop. */
bool circ_peer_ended(const struct circ_peer *peer);

/* Sends bytes. DEVICE when the process has ended. */
CIRC_MUST_USE enum circ_status circ_peer_send(struct circ_peer *peer, const void *data, size_t size,
                                              struct circ_error *err);

/* Receives exactly size bytes. DEVICE when the process has ended. */
CIRC_MUST_USE enum circ_status circ_peer_receive(struct circ_peer *peer, void *data, size_t size,
                                                 struct circ_error *err);

/* Receives an answer's line. OK with its detail in detail[size], cut to fit; or the status that the
 * line names, its detail the message. DEVICE when the process has ended. */
CIRC_MUST_USE enum circ_status circ_peer_answer(struct circ_peer *peer, char *detail, size_t size,
                                                struct circ_error *err);

#endif
