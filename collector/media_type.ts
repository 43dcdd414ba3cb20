import {
  frameBinary,
  frameJson,
  frameNdjson,
  frameText,
  type Framing,
  type FramingOptions,
} from "./framing.ts";

/** Makes records of a body of one media type. */
export type Framer = (body: Uint8Array, options: FramingOptions) => Framing;

const FRAMERS: ReadonlyMap<string, Framer> = new Map([
  ["application/x-ndjson", frameNdjson],
  ["application/ndjson", frameNdjson],
  ["application/jsonl", frameNdjson],
  ["application/json", frameJson],
  ["text/plain", frameText],
  ["application/octet-stream", frameBinary],
]);

/** What is understood, in words for error messages. */
export const MEDIA_TYPES =
  "application/x-ndjson, application/jsonl, application/json, text/plain, application/octet-stream, image/*, video/*, audio/*";

/**
 * Finds out how to make records of a body.
 *
 * @param contentType The `Content-Type` header, `null` when there is none.
 * @returns The framer, or nothing when the type is not understood.
 */
export function framerFor(contentType: string | null): Framer | undefined {
  // What most agents send is compared: a look into the map takes the hash of a text that is new with every request.
  if (contentType === null || contentType === "application/x-ndjson") return frameNdjson;
  const framer = FRAMERS.get(contentType);
  if (framer !== undefined) return framer;
  const type = contentType.split(";", 1)[0]!.trim().toLowerCase();
  if (type === "") return frameNdjson;
  return FRAMERS.get(type) ?? (/^(image|video|audio)\/[^/]+$/.test(type) ? frameBinary : undefined);
}
