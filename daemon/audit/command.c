/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/audit/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"

#define POLL_MS 20

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A group of its own, so that what it starts can be killed with it; no signal of ours
 * blocked or ignored. */
static int spawn(const char *text, int in, pid_t *pid)
{
	const char *argv[] = { "sh", "-c", text, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int error;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	error = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	if (error == 0)
		error = posix_spawn(pid, "/bin/sh", &actions, &attr, (char *const *)(uintptr_t)argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* The note fits a pipe's buffer, so writing it before anyone reads does not block. */
static int start(struct command *command)
{
	size_t n = strlen(command->note);
	int end[2], error;

	if (pipe2(end, O_CLOEXEC) != 0)
		return errno;
	error = io_write_full(end[1], command->note, n) == SR_OK ? 0 : EIO;
	(void)close(end[1]);
	if (error == 0)
		error = spawn(command->text, end[0], &command->pid);
	(void)close(end[0]);
	return error;
}

static void run_waiting(struct command *command)
{
	int error;

	command->waiting = false;
	error = start(command);
	if (error != 0) {
		command->pid = 0;
		if (!command->failed)
			log_error("audit_checkpoint_command cannot be started: %s", strerror(error));
		command->failed = true;
		return;
	}
	command->started_ms = now_ms();
}

/* Says it when it begins to fail and when it works again, not each second. */
static void ended(struct command *command, int status)
{
	bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;

	command->pid = 0;
	if (!failed && command->failed)
		log_info("audit_checkpoint_command works again");
	else if (failed && !command->failed && WIFSIGNALED(status))
		log_error("audit_checkpoint_command was killed by signal %d", WTERMSIG(status));
	else if (failed && !command->failed)
		log_error("audit_checkpoint_command ended with status %d", WEXITSTATUS(status));
	command->failed = failed;
}

void command_offer(struct command *command, struct sr_str note)
{
	if (command->text == NULL || note.n > NOTE_MAX)
		return;
	memcpy(command->note, note.p, note.n);
	command->note[note.n] = '\0';
	command->waiting = true;
	(void)command_poll(command);
}

bool command_poll(struct command *command)
{
	int status = 0;
	pid_t pid;

	if (command->pid != 0) {
		pid = waitpid(command->pid, &status, WNOHANG);
		if (pid == command->pid)
			ended(command, status);
		else if (pid < 0)
			command->pid = 0;       /* somebody else has reaped it */
		else if (now_ms() - command->started_ms > COMMAND_DEADLINE_MS)
			(void)kill(-command->pid, SIGKILL);
	}
	if (command->pid == 0 && command->waiting)
		run_waiting(command);
	return command->pid != 0;
}

void command_finish(struct command *command, uint64_t wait_ms)
{
	const struct timespec pause = { 0, POLL_MS * 1000000L };
	uint64_t until = now_ms() + wait_ms;
	int status;

	while (command_poll(command) && now_ms() < until)
		(void)nanosleep(&pause, NULL);
	if (command->pid == 0)
		return;
	log_error("audit_checkpoint_command does not end; it is killed");
	(void)kill(-command->pid, SIGKILL);
	(void)waitpid(command->pid, &status, 0);
	command->pid = 0;
}
