// What strangers send and get, whichever door they come by: JSON that is bounded before it is parsed, tensors, binary
// frames, jobs, errors; and what one client may have under way.
'use strict';
const { clientOf, timeoutOf, wishOf, answerWish } = require('./caps');
const {
  kType,
  kPrefix,
  kMaxHeader,
  aligned,
  readPrefix,
  readHeader,
  tooShort,
  decodeFrame,
  encodeHead,
  encodeFrame,
  encodeTensorFrame,
} = require('./frame');
const { Gate, doorHere, doorToPrimary, answerDoor, kToDoor } = require('./gate');
const { HttpError, badRequest, describeFailure } = require('./http-error');
const { parseJson, isObject, refuseForbiddenKey, refuseForbiddenKeys } = require('./json');
const { openReferences } = require('./references');
const { Room } = require('./room');
const { Section } = require('./section');
const { readTensor, checkPlaced } = require('./tensors');
const { kPiece, fieldsOf, tensorPieces, inTurns, inParts } = require('./text');
const { runInTurn } = require('./turn');
const { readJob, readWorkload } = require('./workload');

module.exports = {
  clientOf,
  timeoutOf,
  wishOf,
  answerWish,
  kType,
  kPrefix,
  kMaxHeader,
  aligned,
  readPrefix,
  readHeader,
  tooShort,
  decodeFrame,
  encodeHead,
  encodeFrame,
  encodeTensorFrame,
  Gate,
  doorHere,
  doorToPrimary,
  answerDoor,
  kToDoor,
  HttpError,
  badRequest,
  describeFailure,
  parseJson,
  isObject,
  refuseForbiddenKey,
  refuseForbiddenKeys,
  openReferences,
  Room,
  Section,
  readTensor,
  checkPlaced,
  kPiece,
  fieldsOf,
  tensorPieces,
  inTurns,
  inParts,
  runInTurn,
  readJob,
  readWorkload,
};
