// Bodies of jobs that make no sense are refused, whatever numbers they are made of.
#include <gtest/gtest.h>

#include <span>

#include "body_fixture.h"

namespace switchyard::test {
namespace {

using namespace cluster;

GraphPlans plans;

TEST(ClusterBody, RefusesWhatMakesNoSense) {
  Shared in = share(8), out = share(8);
  const std::vector<double> good = scaleBody(in, out, 2, 3);
  {
    Job job;
    BodyMemory memory;
    decodeBody(good, job, memory, plans);
    EXPECT_EQ(job.inputs[0].host, in.block->data());
    EXPECT_EQ(job.into[0].data, out.block->data());
  }
  for (size_t cut = 0; cut < good.size(); ++cut) {
    Job job;
    BodyMemory memory;
    EXPECT_THROW(decodeBody(std::span(good).first(cut), job, memory, plans), Error) << cut;
  }
  for (size_t at = 0; at < good.size(); ++at)
    for (double value : {-1.0, 0.5, 1e18, kNaN, kInf, 4294967296.0}) {
      std::vector<double> bad = good;
      bad[at] = value;
      Job job;
      BodyMemory memory;
      try {
        decodeBody(bad, job, memory, plans);
        // Whatever was accepted must lie inside of the regions.
        for (const TensorArg& input : job.inputs)
          if (input.host && input.spec.bytes()) {
            auto place = RegionTable::shared().locate(input.host + input.spec.bytes() - 1);
            EXPECT_TRUE(place.region) << at << ": " << value;
          }
      } catch (const Error&) {}
    }
}

TEST(ClusterBody, RefusesGraphsThatReachPastTheirValues) {
  Shared in = share(8), out = share(8);
  // One node: value 1 = scale(value 0).
  auto body = [&](double inputs, double values, double given, double label) {
    std::vector<double> numbers{kGraphBody, inputs, values, 1, 1, -1, 0};
    numbers.resize(numbers.size() + kMaxPackedInputs, -1);
    for (double number : {1.0, workloadNumber("scale")}) numbers.push_back(number);
    for (double first : {0.0, 1.0}) {
      numbers.push_back(first);
      numbers.resize(numbers.size() + kMaxTensors - 1, -1);
    }
    numbers.push_back(3);
    numbers.resize(numbers.size() + kMaxParams - 1, kNaN);
    numbers.push_back(label);
    numbers.push_back(given);
    for (int i = 0; i < given; ++i)
      for (double number : {1.0, 0.0, 2.0, 2.0, 4.0, in.region(), in.offset(), 0.0}) numbers.push_back(number);
    for (double number : {1.0, out.region(), out.offset(), 32.0}) numbers.push_back(number);
    return numbers;
  };
  auto decode = [](const std::vector<double>& numbers) {
    Job job;
    BodyMemory memory;
    decodeBody(numbers, job, memory, plans);
  };
  EXPECT_NO_THROW(decode(body(1, 2, 1, -1)));
  EXPECT_THROW(decode(body(1, 2, 3, -1)), Error);    // more inputs than the graph has
  EXPECT_THROW(decode(body(50, 2, 50, -1)), Error);  // more inputs than values
  for (double label : {kNaN, 1e300, -7.0}) EXPECT_THROW(decode(body(1, 2, 1, label)), Error);
  std::vector<double> mute = body(1, 2, 1, -1);
  mute[4] = 0;  // no outputs
  mute.erase(mute.begin() + 7 + kMaxPackedInputs);
  mute.resize(mute.size() - 3), mute.back() = 0;
  EXPECT_THROW(decode(mute), Error);
}

// Memory that never leaves the process is named by a number, and stays where it is.
TEST(ClusterBody, TakesMemoryThatIsLent) {
  std::vector<float> in(8, 1), out(8);
  const uint64_t bytes = in.size() * sizeof(float);
  auto hold = std::make_shared<int>(0);
  auto* data = reinterpret_cast<std::byte*>(in.data());
  auto input = LentTable::shared().lend(data, bytes, hold);
  auto target = LentTable::shared().lend(reinterpret_cast<std::byte*>(out.data()), bytes, nullptr);
  auto place = LentTable::shared().lend(nullptr, bytes, nullptr);
  auto body = [](const LentMemory& from, const LentMemory& to) {
    std::vector<double> numbers = scaleBody(share(8), share(8), 2, 3);
    const auto lent = static_cast<double>(kLentRegion);
    numbers[numbers.size() - 7] = numbers[numbers.size() - 3] = lent;
    numbers[numbers.size() - 6] = static_cast<double>(from.number);
    numbers[numbers.size() - 2] = static_cast<double>(to.number);
    return numbers;
  };
  {
    Job job;
    BodyMemory memory;
    decodeBody(body(*input, *target), job, memory, plans);
    EXPECT_EQ(job.inputs[0].host, data);
    EXPECT_EQ(job.into[0].data, target->data);
    memory.giveOutputs(job);
    EXPECT_FALSE(target->made());
  }
  Job job;
  BodyMemory memory;
  decodeBody(body(*input, *place), job, memory, plans);
  EXPECT_FALSE(job.into[0].data);
  EXPECT_EQ(job.into[0].bytes, bytes);
  job.outputs = {HostPool::shared().acquire(bytes)};
  const std::byte* made = job.outputs[0]->data;
  memory.giveOutputs(job);
  ASSERT_TRUE(place->made());
  EXPECT_EQ(place->made()->data, made);
  // What reads it keeps it there.
  const std::vector<double> numbers = body(*input, *place);
  input.reset();
  EXPECT_EQ(hold.use_count(), 2);
  memory = {};
  EXPECT_EQ(hold.use_count(), 1);
  EXPECT_THROW(decodeBody(numbers, job, memory, plans), Error);                // it is not lent any more
  EXPECT_THROW(decodeBody(body(*place, *target), job, memory, plans), Error);  // an output's place is no input
  auto other = LentTable::shared().lend(data, bytes - 4, nullptr);
  EXPECT_THROW(decodeBody(body(*other, *target), job, memory, plans), Error);  // of another length
}

}  // namespace
}  // namespace switchyard::test
