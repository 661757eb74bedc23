/* The libraries of this build: what they call themselves, and that our team's threads call them,
 * each for itself, so that no thread of theirs spins beside what is measured next. */
#include "backends/cpu/libraries.h"

#include "backends/cpu/step.h"
#include "circ_config.h"

#include <stdio.h>
#include <string.h>

#if CIRC_HAVE_OPENBLAS
#include <cblas.h>

static void name_openblas(char *text, size_t size)
{
    char version[32] = "";
    if (sscanf(openblas_get_config(), "OpenBLAS %31s", version) == 1)
        snprintf(text, size, "OpenBLAS %s %s", version, openblas_get_corename());
}
#endif

#if CIRC_HAVE_FFTW
#include <fftw3.h>

static void name_fftw(char *text, size_t size)
{
    /* "fftw-3.3.10-sse2-avx": the version and the instruction sets that it was built with */
    snprintf(text, size, "FFTW %s", fftwf_version + (strncmp(fftwf_version, "fftw-", 5) ? 0 : 5));
}
#endif

#if CIRC_HAVE_ONEDNN
#include <dnnl.h>

static void name_onednn(char *text, size_t size)
{
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, size, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
}
#endif

static const struct {
    unsigned library;
    void (*name)(char *text, size_t size);
} libraries[] = {
#if CIRC_HAVE_FFTW
    {CIRC_FFTW, name_fftw},
#endif
#if CIRC_HAVE_OPENBLAS
    {CIRC_OPENBLAS, name_openblas},
#endif
#if CIRC_HAVE_ONEDNN
    {CIRC_ONEDNN, name_onednn},
#endif
    {0, NULL},
};

void circ_libraries_name(unsigned called, char *text, size_t size)
{
    *text = 0;
    for (size_t i = 0; libraries[i].name; i++) {
        char name[64] = "";
        if (!(called & libraries[i].library))
            continue;
        libraries[i].name(name, sizeof name);
        size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%s", used ? " + " : "", name);
    }
}

void circ_libraries_begin(void)
{
#if CIRC_HAVE_OPENBLAS
    openblas_set_num_threads(1);
#endif
}
