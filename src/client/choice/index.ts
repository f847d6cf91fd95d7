/** Node choice: which node of the directory a client follows, and when it changes. README.md has the rules. */
export {
  type ChoiceConnection,
  type ChoiceDeps,
  type ChoiceEvents,
  type ChoiceNetwork,
  type ChoiceOptions,
  NodeChoice,
  type PingAnswer,
} from './choice-driver.ts';
export * from './choice-state.ts';
export * from './choice-step.ts';
export * from './choice-view.ts';
export * from './limits.ts';
export type { Moment } from './moment.ts';
export { type Answer, pick, poolOf } from './pick.ts';
