/** What nobody handled until this is disposed of. */
export function watchDefects(): { readonly told: string[] } & Disposable {
  const told: string[] = [];
  const listener = (event: ErrorEvent) => {
    event.preventDefault();
    told.push(String(event.error));
  };
  globalThis.addEventListener("error", listener);
  return { told, [Symbol.dispose]: () => globalThis.removeEventListener("error", listener) };
}
