// A growing little-endian buffer to write records into, and a cursor to read them back. Reading past the end throws.

export class ByteWriter {
  #buffer = Buffer.allocUnsafe(4096);
  #length = 0;

  /** A view of what was written; valid until the next write. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  u8(value: number): void {
    const offset = this.#grow(1);
    this.#buffer.writeUInt8(value, offset);
  }

  u16(value: number): void {
    const offset = this.#grow(2);
    this.#buffer.writeUInt16LE(value, offset);
  }

  u32(value: number): void {
    const offset = this.#grow(4);
    this.#buffer.writeUInt32LE(value, offset);
  }

  f64(value: number): void {
    const offset = this.#grow(8);
    this.#buffer.writeDoubleLE(value, offset);
  }

  text(value: string): void {
    const size = Buffer.byteLength(value);
    this.u32(size);
    const offset = this.#grow(size);
    this.#buffer.write(value, offset, 'utf8');
  }

  setU32(offset: number, value: number): void {
    this.#buffer.writeUInt32LE(value, offset);
  }

  /** Where to write `count` bytes; may exchange the buffer, so call it before touching that. */
  #grow(count: number): number {
    const offset = this.#length;
    this.#length += count;
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, offset);
      this.#buffer = larger;
    }
    return offset;
  }
}

export class ByteReader {
  readonly #buffer: Buffer;
  #offset = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get ended(): boolean {
    return this.#offset >= this.#buffer.length;
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.#buffer.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.#take(4));
  }

  f64(): number {
    return this.#buffer.readDoubleLE(this.#take(8));
  }

  /** A count of things of at least `size` bytes each: refused before anything is allocated for it. */
  count(size: number): number {
    const count = this.u32();
    if (count * size > this.#buffer.length - this.#offset) throw new RangeError(`count ${count} exceeds the record`);
    return count;
  }

  text(): string {
    const size = this.count(1);
    const offset = this.#take(size);
    return this.#buffer.toString('utf8', offset, offset + size);
  }

  #take(count: number): number {
    const offset = this.#offset;
    this.#offset += count;
    return offset;
  }
}
