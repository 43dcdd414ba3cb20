export * from "./block.ts";
export * from "./drop_newest.ts";
export * from "./drop_oldest.ts";
export * from "./policy.ts";
export * from "./reject.ts";
