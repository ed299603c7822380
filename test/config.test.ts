import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { type Config, combineConfig, defaultConfig, parseConfig as parse } from "../src/config.ts";
import { testSeed } from "./helpers/random.ts";

/** With the problems' texts alone. */
function parseConfig(text: string) {
  const { problems, ...others } = parse(text);
  return { ...others, problems: problems.map((problem) => problem.text) };
}

const wholeFile = `# results
persist_dir = "/data/lists"
include = ["image=nginx:*", "label=app=web"]
exclude = ["namespace=kube-*"]
list_per = "workload"
merge = false
readable = true
timeout = 30
overwrite = true
events = ["StartContainer", "StopContainer", "RemoveContainer"]
log_file = "/var/log/optimizer.log"
status_file = "/run/optimizer.json"
metrics_file = "/run/optimizer.prom"
run_dir = "/run/other"
server_path = "/usr/local/bin/optimizer-server"
`;

const knownKeys =
  "persist_dir, include, exclude, list_per, readable, timeout, overwrite, merge, runtime_files, trace_running, events, " +
  "log_file, status_file, metrics_file, run_dir";

describe("parseConfig()", () => {
  test("reads every key", () => {
    expect(parseConfig(wholeFile)).toEqual({
      values: {
        persistDir: "/data/lists",
        include: [
          { kind: "image", glob: "nginx:*" },
          { kind: "label", glob: "app=web" },
        ],
        exclude: [{ kind: "namespace", glob: "kube-*" }],
        listPer: "workload",
        merge: false,
        readable: true,
        timeoutSeconds: 30,
        overwrite: true,
        events: ["StartContainer", "StopContainer", "RemoveContainer"],
        logFile: "/var/log/optimizer.log",
        statusFile: "/run/optimizer.json",
        metricsFile: "/run/optimizer.prom",
        runDir: "/run/other",
      },
      problems: [],
      notes: ["server_path is ignored: there is no separate server any more"],
    });
  });

  for (const text of ["", "\n", "# nothing\n"]) {
    test(`takes ${JSON.stringify(text)} for no settings`, () => {
      expect(parseConfig(text)).toEqual({ values: {}, problems: [], notes: [] });
    });
  }

  for (const [text, seconds] of [
    ["timeout = 0", 0],
    ["timeout = 1.5", 1.5],
    ["timeout = 1_000", 1000],
    ["timeout = 2147483", 2147483],
  ] as const) {
    test(`reads ${text} as ${seconds} s`, () => {
      expect(parseConfig(text).values).toEqual({ timeoutSeconds: seconds });
    });
  }

  for (const [text, problem] of [
    ["timout = 5", 'line 1: unknown key "timout"; did you mean "timeout"?'],
    ["\n\npersist-dir = 1", 'line 3: unknown key "persist-dir"; did you mean "persist_dir"?'],
    ['"overwirte" = true', 'line 1: unknown key "overwirte"; did you mean "overwrite"?'],
    ["x = 1", `line 1: unknown key "x"; known keys: ${knownKeys}`],
    ["\n[section]\ntimeout = 1", `line 2: unknown key "section"; known keys: ${knownKeys}`],
    ["timeout = -1", "line 1: timeout must be seconds from 0 to 2147483"],
    ["timeout = 2147484", "line 1: timeout must be seconds from 0 to 2147483"],
    ["timeout = nan", "line 1: timeout must be seconds from 0 to 2147483"],
    ["timeout = inf", "line 1: timeout must be seconds from 0 to 2147483"],
    ["timeout = 99999999999999999999", "line 1: timeout must be seconds from 0 to 2147483"],
    ['timeout = "5"', "line 1: timeout must be seconds from 0 to 2147483"],
    ["timeout.x = 5", "line 1: timeout must be seconds from 0 to 2147483"],
    ['\nreadable = "yes"', "line 2: readable must be true or false"],
    ["overwrite = 1", "line 1: overwrite must be true or false"],
    ["merge = 1", "line 1: merge must be true or false"],
    ['list_per = "pod"', 'line 1: list_per must be "image" or "workload"'],
    [
      'include = "image=nginx"',
      'line 1: include must be a list of KIND=GLOB, such as ["image=nginx:*", "namespace=web"]',
    ],
    [
      "exclude = [1]",
      'line 1: exclude must be a list of KIND=GLOB, such as ["image=nginx:*", "namespace=web"]',
    ],
    [
      'persist_dir = "results"',
      'line 1: persist_dir must be an absolute path, such as "/opt/nri/optimizer/results"',
    ],
    [
      'persist_dir = "/a\\u0000b"',
      'line 1: persist_dir must be an absolute path, such as "/opt/nri/optimizer/results"',
    ],
    [
      'events = "StartContainer"',
      'line 1: events must be a list of event names, such as ["StartContainer", "StopContainer"]',
    ],
    ...["1", '"log"', '"/var/log/"', '"/a\\u0000b"'].map((value) => [
      `log_file = ${value}`,
      'line 1: log_file must be the absolute path of a file, such as "/var/log/optimizer.log", or "" for none',
    ]),
    [
      '\nstatus_file = "/"',
      'line 2: status_file must be the absolute path of a file, such as "/run/optimizer.json", or "" for none',
    ],
    ...['"/run/optimizer"', '"optimizer.prom"', '"/run/.prom/"', '"/.prom"', "true"].map((value) => [
      `metrics_file = ${value}`,
      'line 1: metrics_file must be an absolute path that ends in .prom, such as "/var/lib/node_exporter/optimizer.prom", or "" for none',
    ]),
    ["status_fil = 1", 'line 1: unknown key "status_fil"; did you mean "status_file"?'],
    [
      "events = [1]",
      'line 1: events must be a list of event names, such as ["StartContainer", "StopContainer"]',
    ],
  ] as const) {
    test(`finds in ${JSON.stringify(text)} that ${problem}`, () => {
      expect(parseConfig(text)).toEqual({ values: {}, problems: [problem], notes: [] });
    });
  }

  test('takes "" for no file', () => {
    const text = 'log_file = ""\nstatus_file = ""\nmetrics_file = ""\n';
    const values = { logFile: "", statusFile: "", metricsFile: "" };
    expect(parseConfig(text)).toEqual({ values, problems: [], notes: [] });
  });

  for (const [text, line] of [
    ["timeout = ", 1],
    ["readable = true\ntimeout == 5\n", 2],
    ["readable = true\nreadable = true\n", 2],
    ['persist_dir = "/a\n', 1],
  ] as const) {
    test(`names line ${line} of ${JSON.stringify(text)}, which is not TOML`, () => {
      const { values, problems } = parseConfig(text);
      expect(values).toEqual({});
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(new RegExp(`^line ${line}: not TOML: [^\\n]+$`));
    });
  }

  test("keeps what is right beside what is wrong", () => {
    expect(parseConfig("timeout = -1\noverwrite = true\nreadabel = true\n")).toEqual({
      values: { overwrite: true },
      problems: [
        "line 1: timeout must be seconds from 0 to 2147483",
        'line 3: unknown key "readabel"; did you mean "readable"?',
      ],
      notes: [],
    });
  });

  for (const key of ["constructor", "toString", "hasOwnProperty"]) {
    // The table of keys is asked for what every object has.
    test(`knows no key "${key}"`, () => {
      expect(parseConfig(`${key} = 1`)).toEqual({
        values: {},
        problems: [`line 1: unknown key "${key}"; known keys: ${knownKeys}`],
        notes: [],
      });
    });
  }

  test("names each entry that is wrong with its line, and the others count", () => {
    const text = `readable = true
exclude = [
  "image=nginx:*",
  "imgae=redis:*",
  'nginx',
  "label=", "container=web",
]
include = ["pdo=web-*", "namespace=prod"]
`;
    expect(parse(text)).toEqual({
      values: {
        readable: true,
        exclude: [
          { kind: "image", glob: "nginx:*" },
          { kind: "container", glob: "web" },
        ],
        include: [{ kind: "namespace", glob: "prod" }],
      },
      problems: [
        'line 4: exclude "imgae=redis:*": unknown kind "imgae"; did you mean "image"?',
        'line 5: exclude "nginx": no kind; write "image=nginx", or another of namespace, pod, container, label',
        'line 6: exclude "label=": no pattern behind label=; "label=*" is any',
        'line 8: include "pdo=web-*": unknown kind "pdo"; did you mean "pod"?',
      ].map((text) => ({ text, stands: "the other entries stand" })),
      notes: [],
    });
  });

  test("of merge and overwrite, both true, overwrite is ignored", () => {
    expect(parse("merge = true\noverwrite = true\n")).toEqual({
      values: { merge: true },
      problems: [
        {
          text: "line 2: overwrite is ignored, since merge is true; leave one out",
          stands: "the default stands",
        },
      ],
      notes: [],
    });
    expect(parse("merge = true\noverwrite = false\n").problems).toEqual([]);
  });

  test("never throws", () => {
    const seed = testSeed();
    const texts = fc.oneof(
      fc.string(),
      fc.stringMatching(/^[a-z_"'.[\]={}#0-9\n -]*$/),
      fc.string().map((text) => wholeFile + text),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const { problems } = parseConfig(text);
        expect(problems.every((problem) => problem.length > 0)).toBe(true);
      }),
      { seed },
    );
  });
});

test("the file that is installed has every key, with its default", () => {
  const template = join(import.meta.dir, "../scripts/install/02-optimizer-nri-plugin.conf");
  expect(parseConfig(readFileSync(template, "utf8"))).toEqual({
    values: defaultConfig,
    problems: [],
    notes: [],
  });
});

describe("combineConfig()", () => {
  const both = (file: Partial<Config>, flags: Partial<Config>) => {
    const { merge, overwrite } = combineConfig(file, flags);
    return { merge, overwrite };
  };

  test("flags win over the file, and the file over the defaults", () => {
    const file = { readable: true, timeoutSeconds: 5 };
    expect(combineConfig(file, { timeoutSeconds: 7 })).toEqual({
      ...defaultConfig,
      readable: true,
      timeoutSeconds: 7,
    });
  });

  test("of merge and overwrite the one that a flag asks for counts", () => {
    expect(both({ merge: true }, { overwrite: true })).toEqual({ merge: false, overwrite: true });
    expect(both({ overwrite: true }, { merge: true })).toEqual({ merge: true, overwrite: false });
    expect(both({ merge: true }, { overwrite: false })).toEqual({ merge: true, overwrite: false });
  });
});
