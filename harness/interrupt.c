/* The one flag that a signal handler may set. */
#include "harness/interrupt.h"

#include <signal.h>
#include <string.h>

/* A handler can reach nothing but a global. */
static volatile sig_atomic_t requested;

static void request(int signal)
{
    (void)signal;
    requested = 1;
}

void circ_interrupt_install(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = request;
    action.sa_flags = (int)(SA_RESETHAND | SA_RESTART);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool circ_interrupt_requested(void)
{
    return requested;
}
