// What the processes of a cluster say to each other, and the channels it goes over.
'use strict';
const { Channel } = require('./channel');
const { askToJoin, answerJoining } = require('./handshake');
const messages = require('./messages');

module.exports = { Channel, askToJoin, answerJoining, messages };
