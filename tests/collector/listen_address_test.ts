// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { formatListenAddress, overlaps, parseListenAddress } from "../../collector/listen_address.ts";

Deno.test("parseListenAddress() reads host and port, and formatListenAddress() writes them back", () => {
  const addresses: [string, string, number][] = [
    ["127.0.0.1:4318", "127.0.0.1", 4318],
    ["[::1]:4318", "::1", 4318],
    ["[::]:0", "::", 0],
    ["0.0.0.0:0", "0.0.0.0", 0],
    ["localhost:65535", "localhost", 65_535],
    ["collector-1.example.org:80", "collector-1.example.org", 80],
  ];
  for (const [text, hostname, port] of addresses) {
    assertEquals(parseListenAddress(text), { ok: true, value: { hostname, port } });
    assertEquals(formatListenAddress({ hostname, port }), text);
  }
});

Deno.test("parseListenAddress() refuses the rest, naming the value and what would be right", () => {
  const refused: [unknown, string][] = [
    [4318, "4318 is not a listen address: give host and port"],
    [null, "null is not a listen address: give host and port"],
    ["127.0.0.1", '"127.0.0.1" is not a listen address: give host and port such as "127.0.0.1:4318"'],
    ["127.0.0.1:", "is not a listen address"],
    ["127.0.0.1:http", "is not a listen address"],
    ["http://127.0.0.1:4318", "is not a listen address"],
    ["::1", 'put the IPv6 address in brackets and add a port, "[::1]:4318"'],
    ["127.0.0.1:65536", "has no valid port: give one from 0 to 65535"],
    ["127.0.0.1:-1", "is not a listen address"],
    [":4318", 'has no host: give host and port such as "127.0.0.1:4318" or "[::1]:4318", or "0.0.0.0:4318"'],
    ["[127.0.0.1]:4318", "has no IPv6 address in its brackets"],
    ["[]:4318", "has no IPv6 address in its brackets"],
    ["300.0.0.1:4318", "has no valid host"],
    ["1.2.3:4318", "has no valid host"],
    ["my host:4318", "has no valid host"],
    ["-a:4318", "has no valid host"],
  ];
  for (const [value, message] of refused) {
    const result = parseListenAddress(value);
    assertFalse(result.ok, `${value}`);
    assertStringIncludes(result.message, message);
  }
});

Deno.test("overlaps() says what the operating system would say", () => {
  const pairs: [string, string, boolean][] = [
    ["127.0.0.1:1", "127.0.0.1:1", true],
    ["127.0.0.1:1", "127.0.0.1:2", false],
    ["127.0.0.1:0", "127.0.0.1:0", false],
    ["127.0.0.1:1", "127.0.0.2:1", false],
    ["127.0.0.1:1", "LocalHost:1", true],
    ["0.0.0.0:1", "127.0.0.1:1", true],
    ["0.0.0.0:1", "[::1]:1", false],
    ["[::]:1", "127.0.0.1:1", true],
    ["[::]:1", "[::1]:1", true],
    ["[::1]:1", "127.0.0.1:1", false],
  ];
  for (const [a, b, expected] of pairs) {
    const [first, second] = [parseListenAddress(a), parseListenAddress(b)];
    if (!first.ok || !second.ok) throw new TypeError("Both must be listen addresses");
    assertEquals(overlaps(first.value, second.value), expected, `${a} ${b}`);
    assertEquals(overlaps(second.value, first.value), expected, `${b} ${a}`);
  }
});
