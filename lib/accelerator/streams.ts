// Streams and events: what orders the work on a device.
import { expectArgument, expectBoolean, expectInteger } from '../core/checks.js';
import { named, TorchError } from '../core/errors.js';
import { isStream, streamOf } from '../core/handles.js';
import { inMode } from '../core/modes.js';
import { expectNoMore, options } from '../core/options.js';
import { native } from '../native/binding.js';
import { cudaDevice, type CudaDevice } from '../tensor/devices.js';

type StreamId = number | bigint;

/**
 * A queue of work on a device, as torch.Stream: what is queued on one stream runs in order, what is queued on several may
 * run at the same time. The CPU has one, which is always done.
 */
export class Stream {
  /** As in "cuda:0". */
  readonly device: string;
  readonly #id: StreamId;

  /**
   * Takes a stream from the device's pool; of the CPU its only one.
   *
   * @throws TorchError when there is no such device
   */
  constructor(device?: CudaDevice, options?: StreamOptions);
  /** @internal */
  constructor(device: CudaDevice, options: StreamOptions | undefined, id: StreamId);
  constructor(device: CudaDevice = 'cuda', given?: StreamOptions, id?: StreamId) {
    const { priority = 0 } = options('Stream', given, ['priority']);
    expectInteger('Stream', 'priority', priority, Number.MIN_SAFE_INTEGER);
    const onCpu = device === 'cpu' && new.target !== CudaStream;
    this.device = onCpu ? 'cpu' : cudaDevice('Stream', device);
    this.#id = id ?? (onCpu ? native.currentStream(device) : native.newStream(this.device, priority));
  }

  /** @internal */
  get [streamOf](): readonly [device: string, id: StreamId] {
    return [this.device, this.#id];
  }

  /** Makes it the stream that this thread's work on its device is queued on. */
  makeCurrent(): void {
    expectNoMore('Stream.makeCurrent', arguments, 0);
    native.setStream(this.device, this.#id);
  }

  /** Whether everything queued on it is done. */
  query(): boolean {
    expectNoMore('Stream.query', arguments, 0);
    return named('Stream.query', () => native.queryStream(this.device, this.#id));
  }

  /**
   * Waits until everything queued on it is done.
   *
   * @throws TorchError for what has failed on it meanwhile
   */
  synchronize(): void {
    expectNoMore('Stream.synchronize', arguments, 0);
    named('Stream.synchronize', () => native.synchronizeStream(this.device, this.#id));
  }

  /** What is queued on it from now on waits for all that the other stream holds now. The caller goes on at once. */
  waitStream(stream: Stream): void {
    expectNoMore('Stream.waitStream', arguments, 1);
    const [device, id] = expectStream('Stream.waitStream', stream);
    named('Stream.waitStream', () => native.waitStream(this.device, this.#id, device, id));
  }

  /** What is queued on it from now on waits for the event. The caller goes on at once. */
  waitEvent(event: Event): void {
    expectNoMore('Stream.waitEvent', arguments, 1);
    expectEvent('Stream.waitEvent', event).wait(this);
  }

  /** Marks this place in it by an event: the one given, or a new one. */
  recordEvent(event?: Event): Event {
    expectNoMore('Stream.recordEvent', arguments, 1);
    const recorded = event === undefined ? new Event() : expectEvent('Stream.recordEvent', event);
    recorded.record(this);
    return recorded;
  }

  /** Whether both are the same stream of the same device. */
  equals(other: unknown): boolean {
    expectNoMore('Stream.equals', arguments, 1);
    if (!isStream(other)) return false;
    const [device, id] = (other as Stream)[streamOf];
    return device === this.device && BigInt(id) === BigInt(this.#id);
  }
}

/** How a stream is taken from the pool. */
export interface StreamOptions {
  /** Negative for one whose work goes before that of others; 0 unless said. */
  priority?: number;
}

/** A stream of a CUDA device, as torch.cuda.Stream. */
export class CudaStream extends Stream {
  constructor(device?: CudaDevice, options?: StreamOptions);
  /** @internal */
  constructor(device: CudaDevice, options: StreamOptions | undefined, id: StreamId);
  constructor(device: CudaDevice = 'cuda', options?: StreamOptions, id?: StreamId) {
    super(device, options, id as StreamId);
  }
}

/** What an event is for. */
export interface EventOptions {
  /** Whether it keeps the time, for `elapsedTime`; false unless said. */
  enableTiming?: boolean;
}

/**
 * A place in a stream, as torch.cuda.Event: others wait for it, and two of them tell how much time lies between.
 *
 *     const [start, end] = [1, 2].map(() => new torch.cuda.Event({ enableTiming: true }));
 *     start.record();
 *     net.forward(x);
 *     end.record();
 *     end.synchronize();
 *     console.log(`${start.elapsedTime(end)} ms`);
 */
export class Event {
  readonly #handle: number;
  readonly #timing: boolean;
  #recorded: string | undefined;

  /** @internal */
  static isEvent(value: unknown): value is Event {
    return typeof value === 'object' && value !== null && #handle in value;
  }

  /** @throws TorchError without a CUDA device */
  constructor(given?: EventOptions) {
    const { enableTiming = false } = options('Event', given, ['enableTiming']);
    this.#timing = expectBoolean('Event', 'enableTiming', enableTiming);
    this.#handle = native.newEvent(cudaDevice('Event', 'cuda'), enableTiming);
    native.adopt(this, this.#handle);
  }

  /** Marks the place where a stream is now: its device's current stream unless one is given. */
  record(stream?: Stream): void {
    expectNoMore('Event.record', arguments, 1);
    const [device, id] = expectStream('Event.record', stream ?? currentStream());
    named('Event.record', () => native.recordEvent(this.#handle, device, id));
    this.#recorded = device;
  }

  /** Has a stream, the current one unless another is given, wait for it. The caller goes on at once. */
  wait(stream?: Stream): void {
    expectNoMore('Event.wait', arguments, 1);
    const [device, id] = expectStream('Event.wait', stream ?? currentStream());
    named('Event.wait', () => native.waitEvent(this.#handle, device, id));
  }

  /** Whether all that was queued before it is done; true where it was never recorded. */
  query(): boolean {
    expectNoMore('Event.query', arguments, 0);
    return named('Event.query', () => native.queryEvent(this.#handle));
  }

  /** Waits until all that was queued before it is done. */
  synchronize(): void {
    expectNoMore('Event.synchronize', arguments, 0);
    named('Event.synchronize', () => native.synchronizeEvent(this.#handle));
  }

  /**
   * Milliseconds from this event to another.
   *
   * @throws TorchError where one of them was not recorded, is not done yet, or keeps no time
   */
  elapsedTime(end: Event): number {
    expectNoMore('Event.elapsedTime', arguments, 1);
    expectEvent('Event.elapsedTime', end);
    if (!this.#timing || !end.#timing)
      throw new TorchError('Event.elapsedTime', 'both events have to be made with { enableTiming: true }');
    if (this.#recorded === undefined || end.#recorded === undefined)
      throw new TorchError('Event.elapsedTime', 'both events have to be recorded before');
    if (!this.query() || !end.query())
      throw new TorchError('Event.elapsedTime', 'both events have to be done before: call end.synchronize()');
    return named('Event.elapsedTime', () => native.elapsedTime(this.#handle, end.#handle));
  }
}

function expectStream(where: string, stream: Stream): readonly [device: string, id: StreamId] {
  expectArgument(where, 'stream', stream, isStream(stream), 'a Stream');
  return stream[streamOf];
}

function expectEvent(where: string, event: Event): Event {
  expectArgument(where, 'event', event, Event.isEvent(event), 'an Event');
  return event;
}

/** The stream that this thread's work on a device is queued on. */
export function currentStream(device: CudaDevice = 'cuda'): Stream {
  expectNoMore('cuda.currentStream', arguments, 1);
  const place = cudaDevice('cuda.currentStream', device);
  return new CudaStream(place, undefined, native.currentStream(place));
}

/** The stream that a device's work is queued on where no other was made current. */
export function defaultStream(device: CudaDevice = 'cuda'): Stream {
  expectNoMore('cuda.defaultStream', arguments, 1);
  const place = cudaDevice('cuda.defaultStream', device);
  return new CudaStream(place, undefined, native.defaultStream(place));
}

/** Queues this thread's work on a stream's device on that stream from now on. */
export function setStream(stream: Stream): void {
  expectNoMore('cuda.setStream', arguments, 1);
  const [device, id] = expectStream('cuda.setStream', stream);
  native.setStream(device, id);
}

/**
 * Runs a function whose work on the stream's device is queued on that stream, as Python's `with torch.cuda.stream(s):`. The
 * stream's device is the current one inside. An async function is followed over its awaits.
 *
 * What was queued before is not waited for: `stream.waitStream(torch.cuda.currentStream())`.
 */
export function stream<T>(stream: Stream, run: () => T): T {
  expectNoMore('cuda.stream', arguments, 2);
  const [device, id] = expectStream('cuda.stream', stream);
  return inMode(
    'cuda.stream',
    () => {
      if (device === 'cpu') return () => {};
      const [deviceBefore, idBefore] = [native.currentDevice('cuda'), native.currentStream(device)];
      native.setDevice(device);
      native.setStream(device, id);
      return () => {
        native.setStream(device, idBefore);
        native.setDevice(`cuda:${deviceBefore}`);
      };
    },
    run,
  );
}
