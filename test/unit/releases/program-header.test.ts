import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { releasePlatform } from '../../../src/releases/platform.js';
import { HEADER_BYTES, readProgramKind } from '../../../src/releases/program-header.js';
import { elfProgram } from '../../fixtures/releases/release-server.js';

describe('the first bytes of a file', () => {
  test('of this very Node are a program for this machine, and whole', () => {
    const node = readFileSync(process.execPath);
    const kind = readProgramKind(node.subarray(0, HEADER_BYTES));
    expect(kind).toMatchObject({ kind: 'elf', machine: releasePlatform().elfMachine });
    if (kind.kind !== 'elf') throw new Error('not reached');
    expect(kind.neededBytes).toBeGreaterThan(node.length / 2);
    expect(kind.neededBytes).toBeLessThanOrEqual(node.length);
  });

  test('tell the CPU and how much is needed, in both byte orders and widths', () => {
    expect(readProgramKind(elfProgram({ machine: 183, neededBytes: 9_000 }))).toEqual({ kind: 'elf', machine: 183, neededBytes: 9_000 });
    const big = Buffer.alloc(120);
    big.write('\u007fELF', 'latin1');
    big.set([1, 2], 4);
    big.writeUInt16BE(8, 18);
    big.writeUInt32BE(52, 28);
    big.writeUInt16BE(32, 42);
    big.writeUInt16BE(1, 44);
    big.writeUInt32BE(100, 52 + 4);
    big.writeUInt32BE(500, 52 + 16);
    expect(readProgramKind(big)).toEqual({ kind: 'elf', machine: 8, neededBytes: 600 });
  });

  test.each([
    ['<!DOCTYPE html><html>', 'web-page'],
    ['\n  <html lang="en">', 'web-page'],
    ['\uFEFF<?xml version="1.0"?>', 'web-page'],
    ['#!/bin/sh\n', 'script'],
    ['MZ\u0090', 'foreign-program'],
    ['', 'empty'],
    ['{"error":"none"}', 'unknown'],
    ['< 3 hearts', 'unknown'],
  ])('%j is %s', (text, kind) => {
    expect(readProgramKind(Buffer.from(text))).toEqual({ kind });
  });

  test('of a Mac are a program of another system', () => {
    expect(readProgramKind(Buffer.from('cffaedfe0c000001', 'hex'))).toEqual({ kind: 'foreign-program' });
  });

  test('may be anything', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, isElf) => {
      const head = Buffer.from(bytes);
      const kind = readProgramKind(isElf ? Buffer.concat([Buffer.from('\u007fELF', 'latin1'), head]) : head);
      expect(typeof kind.kind).toBe('string');
      if (kind.kind === 'elf') expect(kind.neededBytes).toBeGreaterThan(0);
    }));
  });
});
