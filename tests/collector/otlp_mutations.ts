/** Numbers that are the same in every run. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return ((state ^ state >>> 13) >>> 0) % below;
  };
}

/** A valid message with some bytes changed, left out, doubled or put elsewhere. */
export function mutate(valid: Uint8Array, random: (below: number) => number): Uint8Array<ArrayBuffer> {
  let mutated = [...valid];
  for (let changes = 1 + random(3); changes > 0; changes--) {
    const at = random(mutated.length);
    const length = 1 + random(8);
    switch (random(6)) {
      case 0:
        mutated[at] = random(256);
        break;
      case 1:
        mutated[at]! ^= 1 << random(8);
        break;
      case 2:
        mutated.splice(at, length);
        break;
      case 3:
        mutated.splice(at, 0, ...Array.from({ length }, () => random(256)));
        break;
      case 4:
        mutated.splice(at, 0, ...mutated.slice(random(mutated.length)).slice(0, length * 4));
        break;
      case 5:
        mutated = mutated.slice(0, at + 1);
    }
  }
  return Uint8Array.from(mutated);
}
