// Child processes of the benchmark: each measured side runs alone in one, so that its CPU and memory are its own.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export interface Child<Ask, Answer> {
  /** One question at a time. */
  ask(question: Ask): Promise<Answer>;
  stop(): Promise<void>;
}

/**
 * Starts `file` (beside this one, without ending), on these processors only where any are given, and waits until it answers
 * its first question, `setup`.
 */
export async function startChild<Ask, Answer>(
  file: string,
  setup: Ask,
  processors?: string,
): Promise<Child<Ask, Answer> & { readonly first: Answer }> {
  const path = fileURLToPath(new URL(`./${file}.js`, import.meta.url));
  const pinned =
    processors === undefined ? {} : { execPath: 'taskset', execArgv: ['-c', processors, process.execPath] };
  const child = fork(path, [], {
    ...pinned,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
    // As the service and the container set it.
    env: { ...process.env, MALLOC_ARENA_MAX: '1' },
  });
  const ask = async (question: Ask): Promise<Answer> => {
    const over = new AbortController();
    const { signal } = over;
    const answered = once(child, 'message', { signal }) as Promise<[{ answer: Answer } | { error: string }]>;
    const died = once(child, 'exit', { signal }).then(([code]) => {
      throw new Error(`${file} ended with ${code}`);
    });
    // One of them is given up.
    answered.catch(() => {});
    died.catch(() => {});
    child.send(question as never);
    try {
      const [reply] = await Promise.race([answered, died]);
      if ('error' in reply) throw new Error(`${file}: ${reply.error}`);
      return reply.answer;
    } finally {
      over.abort();
    }
  };
  const first = await ask(setup);
  return {
    first,
    ask,
    stop: async () => {
      if (child.exitCode !== null) return;
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

/** The child's side: answers questions in order; `end` runs when the parent hangs up. */
export function serveParent<Ask, Answer>(answer: (question: Ask) => Promise<Answer>, end: () => Promise<void>): void {
  let turn = Promise.resolve();
  process.on('message', (question) => {
    turn = turn.then(async () => {
      try {
        process.send?.({ answer: await answer(question as Ask) });
      } catch (error) {
        process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      }
    });
  });
  process.once('disconnect', () => void end().finally(() => process.exit()));
}
