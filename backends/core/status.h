/* The one vocabulary of outcomes, and the error that carries their detail to the user.
 * Every function that can fail returns an enum circ_status, which must be used, and writes one
 * sentence into a caller-owned struct circ_error (NULL is allowed where the detail is not wanted).
 */
#ifndef CIRC_CORE_STATUS_H
#define CIRC_CORE_STATUS_H

enum circ_status {
    CIRC_OK = 0,
    CIRC_UNSUP,   /* valid, but this backend, structure or device does not offer it */
    CIRC_ABSENT,  /* hardware, driver, library or permission is missing */
    CIRC_DEVICE,  /* the device broke while working */
    CIRC_WRONG,   /* it ran and the answer is wrong */
    CIRC_TIMEOUT, /* too slow to be measured within the limit */
    CIRC_USAGE,   /* the caller's input is invalid */
    CIRC_NOTHING, /* nothing to run or nothing comparable */
    CIRC_MEMORY,  /* allocation failed */
    CIRC_IO,      /* a file or the database could not be read or written */
    CIRC_STOPPED, /* the user interrupted */
    CIRC_INTERNAL /* a bug of ours */
};

#define CIRC_MUST_USE     __attribute__((warn_unused_result))
#define CIRC_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* code: what happened; native: errno, SQLite or PAPI code, 0 if none; message: one sentence that
 * names the thing, its place and the remedy, without a trailing newline. */
struct circ_error {
    enum circ_status code;
    int native;
    char message[512];
};

/* "ok", "unsup", "absent", ...: the words stored in the database; never NULL. */
const char *circ_status_name(enum circ_status status);

/* Fills err (may be NULL) and returns status, so that a failure is one statement:
 *     return circ_status_fail(err, CIRC_USAGE, "block %d: must be at least 1", k); */
enum circ_status circ_status_fail(struct circ_error *err, enum circ_status status,
                                  const char *format, ...) CIRC_PRINTF(3, 4);

/* As circ_status_fail, with the native code that the layer below reported. */
enum circ_status circ_status_fail_native(struct circ_error *err, enum circ_status status,
                                         int native, const char *format, ...) CIRC_PRINTF(4, 5);

#endif
