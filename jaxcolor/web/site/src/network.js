// Runs the network with ONNX Runtime: on WebGPU where there is one, else on the
// processor, on several threads where the page is isolated from other origins.

const RUNTIMES = {
  webgpu: {
    script: "../vendor/ort.webgpu.bundle.min.mjs",
    binary: "../vendor/ort-wasm-simd-threaded.asyncify.wasm",
  },
  wasm: {
    script: "../vendor/ort.wasm.bundle.min.mjs",
    binary: "../vendor/ort-wasm-simd-threaded.wasm",
  },
};
const MOST_THREADS = 4;

async function hasGpu() {
  try {
    return Boolean(await navigator.gpu?.requestAdapter());
  } catch {
    return false;
  }
}

async function started(kind, content) {
  const { script, binary } = RUNTIMES[kind];
  const ort = await import(script);
  ort.env.wasm.wasmPaths = { wasm: new URL(binary, import.meta.url).href };
  const cores = Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1);
  ort.env.wasm.numThreads = self.crossOriginIsolated ? cores : 1;
  const session = await ort.InferenceSession.create(content, {
    executionProviders: [kind],
    // Errors only: on WebGPU it is usual that some nodes stay on the processor.
    logSeverityLevel: 3,
  });
  return { ort, session };
}

async function fetched(path) {
  const response = await fetch(new URL(path, import.meta.url));
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response;
}

/** A network that is ready to run. */
export class Network {
  /**
   * Loads the model and the runtime.
   *
   * @param wanted - "wasm" to leave out WebGPU.
   */
  static async load(wanted) {
    const model = await (await fetched("../model/model.json")).json();
    const content = new Uint8Array(
      await (await fetched("../model/model.onnx")).arrayBuffer(),
    );
    if (wanted !== "wasm" && (await hasGpu())) {
      try {
        return new Network(model, "WebGPU", await started("webgpu", content));
      } catch (error) {
        console.warn("WebGPU failed; the processor takes over:", error);
      }
    }
    return new Network(model, "WebAssembly", await started("wasm", content));
  }

  constructor(model, runtime, { ort, session }) {
    this.model = model;
    this.runtime = runtime;
    this.ort = ort;
    this.session = session;
  }

  /** Returns what the network predicts from a view: cells, and features or null. */
  async run({ lightness, width, height }) {
    const shape = [1, 1, height, width];
    const input = new this.ort.Tensor("float32", lightness, shape);
    const found = await this.session.run({ L: input });
    return {
      cells: await found.cells.getData(),
      features: found.features ? await found.features.getData() : null,
    };
  }
}
