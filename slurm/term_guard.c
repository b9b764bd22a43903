/* Preloaded into srun by slurm/job.sh, and into nothing else.
 *
 * Slurm ends a job with SIGTERM to every process of it: to the ranks, which then save and leave, and to the srun that
 * started them, which kills them at once (measured with Slurm 22.05). srun takes its signals with sigwait(); here TERM
 * is left out of what it waits for, so that it goes on until its ranks have ended. INT, HUP and USR1 reach it as ever,
 * and Slurm's SIGKILL ends it when the time for saving is over.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

int sigwait(const sigset_t* set, int* signal) {
  static int (*real)(const sigset_t*, int*) = NULL;
  if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, "sigwait");
  sigset_t rest = *set;
  sigdelset(&rest, SIGTERM);
  return real(sigisemptyset(&rest) ? set : &rest, signal);
}

/* What srun starts must not inherit it: job.sh puts it first in the list. */
__attribute__((constructor)) static void leave_the_environment(void) {
  const char* list = getenv("LD_PRELOAD");
  if (list == NULL) return;
  const char* rest = strchr(list, ':');
  if (rest == NULL || rest[1] == '\0') {
    unsetenv("LD_PRELOAD");
  } else {
    char* copy = strdup(rest + 1);
    if (copy != NULL) setenv("LD_PRELOAD", copy, 1);
    free(copy);
  }
}
