import { describe, expect, test } from "bun:test";
import { Event } from "../../src/gen/nri_pb.ts";
import { limitMask, maskOf, parseEvents, START_AND_STOP } from "../../src/nri/events.ts";

describe("parseEvents()", () => {
  for (const [names, mask] of [
    ["StartContainer,StopContainer", 0x220],
    [["StartContainer", "StopContainer", "RemoveContainer"], 0x620],
    ["startcontainer , STOPCONTAINER", 0x220],
    [["StartContainer,StopContainer", "PostStartContainer"], 0x260],
    ["StartContainer,", 0x20],
    ["all", 0x3fff],
    ["pod", 0x1807],
    ["PodSandbox", 0x1807],
    ["container", 0x27f8],
    ["ValidateContainerAdjustment", 0x2000],
  ] as const) {
    test(`reads ${JSON.stringify(names)} as 0x${mask.toString(16)}`, () => {
      expect(parseEvents(names)).toBe(mask);
    });
  }

  for (const [names, message] of [
    [
      "StratContainer",
      'Cannot subscribe to event "StratContainer": no event has this name, the nearest is "StartContainer"',
    ],
    [
      "StopContainer,stop",
      'Cannot subscribe to event "stop": no event has this name, the names are all, pod, container, RunPodSandbox, ' +
        "StopPodSandbox, RemovePodSandbox, CreateContainer, PostCreateContainer, StartContainer, PostStartContainer, " +
        "UpdateContainer, PostUpdateContainer, StopContainer, RemoveContainer, UpdatePodSandbox, PostUpdatePodSandbox, " +
        "ValidateContainerAdjustment",
    ],
    ["alll", 'Cannot subscribe to event "alll": no event has this name, the nearest is "all"'],
    ["", "Cannot subscribe to events: no event is named"],
    [[], "Cannot subscribe to events: no event is named"],
    [[" , "], "Cannot subscribe to events: no event is named"],
  ] as const) {
    test(`refuses ${JSON.stringify(names)}`, () => {
      expect(() => parseEvents(names)).toThrow(message);
    });
  }

  test("takes little time for a name of a megabyte", () => {
    expect(() => parseEvents("x".repeat(1 << 20))).toThrow("no event has this name");
  });
});

describe("limitMask()", () => {
  for (const [mask, nriVersion, limited] of [
    [0x220, "", 0x220],
    [0x3fff, "", 0x7ff],
    [0x3fff, "0.9.0", 0x7ff],
    [0x3fff, "v0.10.0", 0x3fff],
    [0x3fff, "0.12.1-rc.1", 0x3fff],
    [0x3fff, "1.0", 0x3fff],
    [-1, "0.12.0", 0x3fff],
    [0x3fff, "main", 0x7ff],
    [0x2000, "", START_AND_STOP],
    [0, "0.12.0", START_AND_STOP],
    [Number.NaN, "", START_AND_STOP],
  ] as const) {
    test(`makes 0x${mask.toString(16)} to 0x${limited.toString(16)} for NRI "${nriVersion}"`, () => {
      expect(limitMask(mask, nriVersion)).toBe(limited);
    });
  }
});

test("maskOf() sets bit n - 1 for event n", () => {
  expect(maskOf(Event.RUN_POD_SANDBOX, Event.REMOVE_CONTAINER)).toBe(0x401);
  expect(START_AND_STOP).toBe(0x220);
});
