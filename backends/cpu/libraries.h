/* Names and versions of the libraries that steps call. */
#ifndef CIRC_LIBRARIES_H
#define CIRC_LIBRARIES_H

#include <stddef.h>

/* Writes "OpenBLAS 0.3.21 SkylakeX", "FFTW 3.3.10-sse2-avx + OpenBLAS ..." of a sum of enum
 * circ_library into text, "" of none. */
void circ_libraries_name(unsigned libraries, char *text, size_t size);

/* Settings that hold for the whole process: none of the libraries starts threads of its own. */
void circ_libraries_begin(void);

#endif
