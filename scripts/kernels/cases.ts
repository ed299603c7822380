import type { Case } from "./case.ts";
import { doctor, doctorWithHardLinks } from "./cases/doctor.ts";
import { features } from "./cases/features.ts";
import { trace } from "./cases/trace.ts";

/** All that is tried under each kernel; a guest runs them in the order of their names. */
export const CASES: readonly Case[] = [features, doctor, doctorWithHardLinks, trace];
