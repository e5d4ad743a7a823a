// What the processes of a cluster say to each other, and the channels it goes over.
'use strict';
const { Channel } = require('./channel');
const { askToJoin, answerJoining } = require('./handshake');
const codec = require('./codec');
const { guessedSpeed } = require('./guess');
const protocol = require('./protocol');
const { ProtocolError } = require('./shapes');

module.exports = { Channel, askToJoin, answerJoining, codec, guessedSpeed, protocol, ProtocolError };
