import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { prometheusText } from "../../src/formats/prometheus.ts";
import { parsePrometheus } from "../helpers/prometheus.ts";
import { testSeed } from "../helpers/random.ts";

describe("prometheusText()", () => {
  test("writes what the format's documentation describes", () => {
    const text = prometheusText([
      { name: "a_total", type: "counter", help: 'Says "a"\n\\ and b.', samples: [{ value: 3 }] },
      {
        name: "b_seconds",
        type: "gauge",
        help: "b",
        samples: [
          { value: 0.25, labels: { path: 'C:\\DIR\n"x"', event: "Start" } },
          { value: 1e21, labels: { path: "" } },
          { value: Number.NaN, labels: {} },
          { value: Number.POSITIVE_INFINITY, labels: { path: "inf" } },
          { value: Number.NEGATIVE_INFINITY, labels: { path: "-inf" } },
        ],
      },
      { name: "c", type: "gauge", help: "", samples: [] },
    ]);
    expect(text).toBe(
      [
        '# HELP a_total Says "a"\\n\\\\ and b.',
        "# TYPE a_total counter",
        "a_total 3",
        "# HELP b_seconds b",
        "# TYPE b_seconds gauge",
        'b_seconds{path="C:\\\\DIR\\n\\"x\\"",event="Start"} 0.25',
        'b_seconds{path=""} 1e+21',
        "b_seconds NaN",
        'b_seconds{path="inf"} +Inf',
        'b_seconds{path="-inf"} -Inf',
        "# HELP c ",
        "# TYPE c gauge",
        "",
      ].join("\n"),
    );
    expect(parsePrometheus(text).samples).toHaveLength(6);
  });

  test("any label and value can be read back", () => {
    const texts = fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[\\n"\n{},= ]*$/));
    fc.assert(
      fc.property(
        texts,
        texts,
        fc.double({ noNaN: true }).map((value) => value + 0 /* no -0 */),
        (help, value, figure) => {
          const metric = {
            name: "x",
            type: "gauge",
            help,
            samples: [{ value: figure, labels: { a: value, b: value } }],
          } as const;
          const { samples } = parsePrometheus(prometheusText([metric]));
          expect(samples).toEqual([{ name: "x", labels: { a: value, b: value }, value: figure }]);
        },
      ),
      { seed: testSeed() },
    );
  });
});
