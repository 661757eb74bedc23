/* Files embedded in the binary by embed.py: text is NUL-terminated, size excludes the NUL. */
#ifndef CIRC_EMBED_H
#define CIRC_EMBED_H

#include <stddef.h>

struct circ_embedded {
    const char *name; /* base name of the file */
    const unsigned char *data;
    size_t size;
};

#endif
