// Calls of a tokenizer that are wrong in two ways at once, and a first call without a descriptor left: node
// late-errors.js. Prints the codes, and ends by itself: nothing is left waiting, and no rejection has nobody there.
'use strict';
const { Tokenizer } = require('../../../../lib/text/tokenizer');
const { takeDescriptors, giveDescriptorsBack } = require('../../descriptors');
const { wordsFile } = require('../../tokenizer-files');

async function main() {
  const json = JSON.stringify(wordsFile(null));
  const codes = [];
  takeDescriptors(0);
  await Tokenizer.load({ json }).catch(({ code }) => codes.push(code));
  giveDescriptorsBack();
  if (process.argv[2] !== 'descriptors') {
    const tokenizer = await Tokenizer.load({ json });
    const texts = Array.from({ length: 3000 }, (_, i) => (i === 2900 ? 5 : 'a text'));
    // @ts-expect-error neither are texts
    await tokenizer.encode(texts, { pairs: [1] }).catch(({ code }) => codes.push(code));
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    tokenizer.close();
  }
  console.log(JSON.stringify(codes));
}

main();
