/**
 * Types of `deno-std/assert/mod.js` (`@std/assert`), which ships none. Signatures follow those of `jsr:@std/assert@1`,
 * so that switching the alias in `deno.json` to JSR changes nothing in the tests.
 *
 * @module
 */

/** Any class, abstract ones too. */
// deno-lint-ignore no-explicit-any -- constructors are contravariant in their parameters: only `any` takes them all
export type AnyConstructor = abstract new (...args: any[]) => unknown;
/** The class of errors that an assertion about a thrown error expects. */
// deno-lint-ignore no-explicit-any -- as above
export type ErrorConstructor<E extends Error = Error> = abstract new (...args: any[]) => E;
/** What `assertArrayIncludes` searches. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

/** Thrown by every assertion that does not hold. */
export class AssertionError extends Error {
  constructor(message: string, options?: ErrorOptions);
}

/** Asserts that `expr` is truthy. */
export function assert(expr: unknown, msg?: string): asserts expr;
/** Asserts that `expr` is falsy. */
export function assertFalse(
  expr: unknown,
  msg?: string,
): asserts expr is false | 0 | 0n | "" | null | undefined;

/** Says whether two values are deeply equal, in the sense of `assertEquals`. */
export function equal(a: unknown, b: unknown): boolean;
/** Asserts deep equality. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void;
/** Asserts the absence of deep equality. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void;
/** Asserts identity in the sense of `Object.is`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T;
/** Asserts the absence of identity in the sense of `Object.is`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void;

/** Asserts that `fn` throws anything at all. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that `fn` throws an `ErrorClass` whose message contains or matches `msgMatches`, and returns what was thrown. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorConstructor<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): E;
/** Asserts that the promise of `fn` rejects with anything at all; `fn` itself must not throw. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Asserts that the promise of `fn` rejects with an `ErrorClass`, and resolves to what it rejected with. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorConstructor<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): Promise<E>;
/** Asserts that `error` is an `ErrorClass` whose message contains or matches `msgMatches`. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: ErrorConstructor<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E;

/** Asserts that a text matches. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void;
/** Asserts that a text does not match. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void;
/** Asserts that a text contains another. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void;
/** Asserts that every value of `expected` is somewhere in `actual`. */
export function assertArrayIncludes<T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
): void;
/** Asserts that `actual` has the keys and values of `expected`, at any depth; it may have more. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any -- interfaces have no index signature: `unknown` would refuse them
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void;
/** Asserts that a value is an instance of a class. */
export function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  msg?: string,
): asserts actual is InstanceType<T>;
/** Asserts that a value is not an instance of a class. */
export function assertNotInstanceOf<A, T>(
  actual: A,
  // deno-lint-ignore no-explicit-any -- as in `AnyConstructor`
  unexpectedType: abstract new (...args: any[]) => T,
  msg?: string,
): asserts actual is Exclude<A, T>;
/** Asserts that a value is neither `null` nor `undefined`. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T>;

/** Asserts that two numbers differ by at most `tolerance` (default: 1e-7 of `expected`). */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void;
/** Asserts `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void;
/** Asserts `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void;
/** Asserts `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void;
/** Asserts `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void;

/** Fails at once. */
export function fail(msg?: string): never;
/** Fails because a place was reached that never should be. */
export function unreachable(msg?: string): never;
/** Fails because something is yet to be written. */
export function unimplemented(msg?: string): never;
