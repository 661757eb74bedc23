/* Programs that an open device keeps until it is closed, by a hash of all that decides them. */
#ifndef CIRC_SHELF_H
#define CIRC_SHELF_H

#include "backends/devices/accelerator.h"

#define CIRC_SHELF_START 14695981039346656037u

/* FNV-1a, 64 bits (Fowler, Noll and Vo): h, from CIRC_SHELF_START on, with some more bytes. */
uint64_t circ_shelf_hash(uint64_t h, const void *data, size_t size);

/* The program of a key, which stays the device's; NULL where there is none. */
cl_program circ_shelf_find(const struct circ_accelerator *accelerator, uint64_t key);

/* Hands a program over, in any case: it is released with the device, or at once on MEMORY. */
CIRC_MUST_USE enum circ_status circ_shelf_keep(struct circ_accelerator *accelerator, uint64_t key,
                                               cl_program program, struct circ_error *err);

#endif
