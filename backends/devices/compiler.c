/* The driver's compiler, and what its log says. It keeps nothing. */
#include "backends/devices/compiler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The line of a build log that says what is wrong: the first with "error" in it, or the first. */
static void first_error(char *log, char *line, size_t size)
{
    char *at = strstr(log, "error");
    at = at ? at : log;
    while (at > log && at[-1] != '\n')
        at--;
    at += strspn(at, " \t\n");
    snprintf(line, size, "%.*s", (int)strcspn(at, "\n"), at);
}

enum circ_status circ_compiler_build(struct circ_accelerator *a, const char *name, cl_uint count,
                                     const char **texts, const size_t *sizes, const char *options,
                                     cl_program *program, struct circ_error *err)
{
    size_t length = 0;
    char line[256] = "the compiler left no log";
    cl_int code;
    *program = clCreateProgramWithSource(a->context, count, texts, sizes, &code);
    enum circ_status status = circ_accelerator_check(a, code, "taking the kernels", err);
    if (status)
        return status;
    code = clBuildProgram(*program, 1, &a->device, options, NULL, NULL);
    if (!code)
        return CIRC_OK;
    clGetProgramBuildInfo(*program, a->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &length);
    char *log = calloc(length + 1, 1);
    if (log && length &&
        !clGetProgramBuildInfo(*program, a->device, CL_PROGRAM_BUILD_LOG, length, log, NULL))
        first_error(log, line, sizeof line);
    free(log);
    clReleaseProgram(*program);
    *program = NULL;
    return circ_status_fail_native(err, CIRC_DEVICE, code, "%s: %s did not build (%s): %s", a->name,
                                   name, circ_accelerator_error_name(code), line);
}
