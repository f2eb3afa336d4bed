// What every player shares: loading on demand, running the model, seeded noise, drawing, the address.
//
//   zooPlay.start(function (model) { … })   is called once the reader has loaded the model:
//   model.facts                             what Python says of it
//   await model.run({z: array})             the output of one run, a Float32Array
var zooPlay = (function () {
  "use strict";

  const delivered = {};

  // -- loading ------------------------------------------------------------------------------------

  // Scripts with data call this; a page opened from disk may load scripts, but fetch nothing.
  function deliver(name, text) { delivered[name] = text; }

  function load(url) {
    return new Promise(function (done, failed) {
      const script = document.createElement("script");
      script.src = url;
      script.onload = done;
      script.onerror = function () { failed(new Error("the file " + url + " did not arrive. Look at your connection and try again")); };
      document.head.append(script);
    });
  }

  async function unpacked(name) {
    const bytes = Uint8Array.from(atob(delivered[name]), (letter) => letter.charCodeAt(0));
    delete delivered[name];
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  }

  async function open(place, say) {
    if (!window.WebAssembly) {
      throw new Error("WebAssembly, which runs it, is switched off in this browser. Some modes of heightened security do that; allow it for this page");
    }
    if (!window.DecompressionStream) {
      throw new Error("this browser is too old to unpack it. Any browser of 2023 or later can");
    }
    say("Loading the model…");
    await load(place.model);
    const facts = JSON.parse(new TextDecoder().decode(await unpacked("facts")));
    const bytes = new Uint8Array(await unpacked("model"));
    say("Loading what runs it…");
    await load(place.runtime);
    await load(place.wasm);
    const wasm = new Blob([await unpacked("wasm")], {type: "application/wasm"});
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = {"ort-wasm-simd.wasm": URL.createObjectURL(wasm)};
    say("Starting…");
    try {
      const session = await ort.InferenceSession.create(bytes, {executionProviders: ["wasm"]});
      return {facts: facts, run: (inputs) => run(session, facts, inputs)};
    } catch (error) {
      throw new Error("this browser does not let it run; WebAssembly may be blocked (" + error.message + ")");
    }
  }

  // A single number is one of a step or a class: an integer.
  async function run(session, facts, inputs) {
    const feeds = {};
    for (const [name, values] of Object.entries(inputs)) {
      feeds[name] = typeof values === "number"
        ? new ort.Tensor("int64", BigInt64Array.from([BigInt(values)]), [1])
        : new ort.Tensor("float32", Float32Array.from(values), facts.inputs[name]);
    }
    return (await session.run(feeds)).out.data;
  }

  function start(player) {
    const section = document.getElementById("play");
    const button = section && section.querySelector("[data-load]");
    if (!button) return;
    const status = section.querySelector("[data-status]");
    const progress = section.querySelector("[data-progress]");
    const root = section.querySelector("[data-player]");
    let stage = 0;
    const say = function (text) {
      status.textContent = text;
      progress.value = stage++;
    };
    button.disabled = false;
    button.addEventListener("click", async function () {
      button.disabled = true;
      progress.hidden = false;
      status.classList.remove("play-wrong");
      stage = 0;
      try {
        const model = await open(section.dataset, say);
        say("Drawing the first pictures…");
        await player(model, root); // it draws everything before the reader sees anything of it
      } catch (error) {
        progress.hidden = true;
        status.classList.add("play-wrong");
        status.textContent = "The model did not start: " + error.message + ".";
        button.disabled = false;
        throw error;
      }
      section.querySelector(".play-load").hidden = true;
      root.hidden = false;
      if (section.getBoundingClientRect().top < 0) section.scrollIntoView();
      // The focus would be lost with the button that had it.
      root.querySelector("[data-first]").focus({preventScroll: true});
      section.dataset.ready = "yes";
    });
  }

  // -- noise: a seed and a stream give the same numbers in every browser --------------------------

  // 32 random bits at a time: mulberry32, started at a hash of seed and stream.
  function bits(seed, stream) {
    let state = mixed(mixed(seed >>> 0) + stream);
    return function () {
      state = (state + 0x6d2b79f5) >>> 0;
      return mixed(state);
    };
  }

  function mixed(x) {
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (x ^ (x >>> 14)) >>> 0;
  }

  // n numbers in [0, 1).
  function uniforms(seed, stream, n) {
    const next = bits(seed, stream);
    return Float64Array.from({length: n}, () => next() / 4294967296);
  }

  // n draws of the standard normal distribution (Box and Muller).
  function normals(seed, stream, n) {
    const u = uniforms(seed, stream, n + (n % 2));
    const out = new Float32Array(n);
    for (let i = 0; i < n; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(1 - u[i]));
      out[i] = radius * Math.cos(2 * Math.PI * u[i + 1]);
      if (i + 1 < n) out[i + 1] = radius * Math.sin(2 * Math.PI * u[i + 1]);
    }
    return out;
  }

  // -- drawing ------------------------------------------------------------------------------------

  // Paint values in [0, 1], in the order (channel, row, column), one canvas pixel each.
  function paint(canvas, values, shape, left, top) {
    const [channels, rows, columns] = shape;
    const size = rows * columns;
    const image = new ImageData(columns, rows);
    for (let i = 0; i < size; i++) {
      for (let c = 0; c < 3; c++) {
        image.data[4 * i + c] = Math.round(255 * clamp(values[(c % channels) * size + i], 0, 1));
      }
      image.data[4 * i + 3] = 255;
    }
    canvas.getContext("2d").putImageData(image, left || 0, top || 0);
  }

  function sized(canvas, shape, across, down) {
    canvas.width = shape[2] * (across || 1);
    canvas.height = shape[1] * (down || 1);
    return canvas;
  }

  function clamp(x, low, high) { return Math.min(high, Math.max(low, x)); }

  // -- text that changes quickly: shown at once to the eye, once in a while to a screen reader ----

  function teller(element) {
    const spoken = document.createElement("span");
    const shown = document.createElement("span");
    spoken.className = "visually-hidden";
    shown.setAttribute("aria-hidden", "true");
    element.replaceChildren(shown, spoken);
    let waiting = 0;
    return function (text) {
      shown.textContent = text;
      clearTimeout(waiting);
      waiting = setTimeout(() => { spoken.textContent = text; }, 600);
    };
  }

  // -- the address holds what is shown ------------------------------------------------------------

  function recall() {
    return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  }

  let waiting = 0;
  function remember(values) {
    clearTimeout(waiting);
    waiting = setTimeout(function () {
      // Browsers refuse this where a page is changed too often; the next change will do.
      try { history.replaceState(null, "", "#" + new URLSearchParams(values)); } catch { /* none */ }
    }, 250);
  }

  // The class that the reader has chosen, as a function: "3", or undefined for a model without classes.
  function classes(root, kept, changed) {
    const all = [...root.querySelectorAll('[name="class"]')];
    for (const radio of all) radio.addEventListener("change", changed);
    if (all.length) (all.find((radio) => radio.value === kept) || all[0]).checked = true;
    return () => all.find((radio) => radio.checked)?.value;
  }

  // A whole number from the address or a field; anything else gives the fallback.
  function whole(text, low, high, fallback) {
    return /^-?\d{1,9}$/.test(text || "") ? clamp(Number(text), low, high) : fallback;
  }

  function frame() { return new Promise((done) => requestAnimationFrame(done)); }

  // Readers who asked for less motion see sixteen stills of what moves for others.
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const STILLS = 16;
  function due(done, before, all) { return !still.matches || done === all || done - before >= all / STILLS; }

  return {start, deliver, uniforms, normals, paint, sized, clamp, teller, recall, remember, classes, whole, frame, still, due, STILLS};
})();
