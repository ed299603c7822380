/// <reference path="../../src/sys/assets.d.ts" />
