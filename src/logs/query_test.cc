#include "logs/query.h"

#include <algorithm>

#include "base/limits.h"
#include "logs/logs_test_support.h"

namespace joey::logs {
namespace {

class QueryTest : public LogsTest {
 protected:
  // Every page until `next` ends, as one list.
  std::vector<std::int64_t> ReadAll(const Query& query, int* pages = nullptr) {
    std::vector<std::int64_t> out;
    std::optional<Cursor> cursor;
    for (int i = 0; i < 10000; ++i) {
      const Page page = Read(query, cursor);
      const auto numbers = Numbers(page);
      out.insert(out.end(), numbers.begin(), numbers.end());
      if (pages != nullptr) *pages = i + 1;
      if (!page.next) return out;
      cursor = page.next;
    }
    ADD_FAILURE() << "the pages do not end";
    return out;
  }
};

TEST_F(QueryTest, NewestFirstIsTheExactReverseOfTheOrderOfArrival) {
  Append(0, 3);
  Append(3, 5);
  Append(8, 2);
  EXPECT_EQ(Numbers(Read(Flat(true))), Range(9, 10, -1));
  EXPECT_EQ(Numbers(Read(Flat(false))), Range(0, 10));
  const Page page = Read(Flat(true, 4));
  EXPECT_EQ(Numbers(page), Range(9, 4, -1));
  EXPECT_EQ(page.end, PageEnd::kRecordLimited);
  EXPECT_EQ(Read(Flat(true, 10)).end, PageEnd::kAll);
  EXPECT_EQ(Numbers(Read(Flat(false, 4))), Range(0, 4));
}

TEST_F(QueryTest, PagesCoverEveryRowOnceInBothOrders) {
  for (int i = 0; i < 5; ++i) Append(i * 700, 700);
  for (const std::int64_t limit : {7, 700, 1024, 3499, 3500, 5000}) {
    EXPECT_EQ(ReadAll(Flat(true, limit)), Range(3499, 3500, -1)) << limit;
    EXPECT_EQ(ReadAll(Flat(false, limit)), Range(0, 3500)) << limit;
  }
  Append(3500, 3);
  Query one = Flat(false, 1);
  one.time_start = 1000 + 3495;
  EXPECT_EQ(ReadAll(one), Range(3495, 8));
}

TEST_F(QueryTest, RowsThatArriveMeanwhileDoNotDisturbNewestFirst) {
  Append(0, 10);
  const Page first = Read(Flat(true, 4));
  Append(10, 10);
  EXPECT_EQ(Numbers(Read(Flat(true, 4), first.next)), Range(5, 4, -1));
}

TEST_F(QueryTest, TimesAreIncludedAtBothEnds) {
  Append(0, 2000);
  Append(2000, 2000);
  Query query = Flat(false);
  query.time_start = 1000 + 1999;
  query.time_end = 1000 + 2001;
  Page page = Read(query);
  EXPECT_EQ(Numbers(page), Range(1999, 3));
  EXPECT_EQ(page.end, PageEnd::kAll);
  query.newest_first = true;
  EXPECT_EQ(Numbers(Read(query)), Range(2001, 3, -1));
  query.limit = 3;
  EXPECT_EQ(Read(query).end, PageEnd::kAll);
  query.limit = 2;
  EXPECT_EQ(Read(query).end, PageEnd::kRecordLimited);
  query.time_start = 900;
  query.time_end = 950;
  EXPECT_EQ(Read(query).batch->num_rows(), 0);
  query.time_start = 2000;
  EXPECT_EQ(Read(query).batch->num_rows(), 0);
}

TEST_F(QueryTest, APageEndsWhereTheSelectedColumnsChange) {
  Append(0, 3, false);
  Append(3, 2, true);
  Append(5, 1, false);
  Page page = Read(Flat(true, 100));
  EXPECT_EQ(Numbers(page), Range(5, 1));
  EXPECT_EQ(page.end, PageEnd::kSchemaChange);
  ASSERT_TRUE(page.next && page.next->remaining);
  EXPECT_EQ(*page.next->remaining, 99);
  page = Read(Flat(true, 100), page.next);
  EXPECT_EQ(Numbers(page), Range(4, 2, -1));
  EXPECT_EQ(page.end, PageEnd::kSchemaChange);
  page = Read(Flat(true, 100), page.next);
  EXPECT_EQ(Numbers(page), Range(2, 3, -1));
  EXPECT_EQ(page.end, PageEnd::kAll);

  Query outputs = Flat(true);
  outputs.dataset = Dataset({"out.y"}, {});
  EXPECT_EQ(Numbers(Read(outputs)), Range(5, 6, -1));
  // The limit comes first where both hold.
  EXPECT_EQ(Read(Flat(true, 1)).end, PageEnd::kRecordLimited);
}

TEST_F(QueryTest, BytesLimitAPageAndTheLimitGoesOnOverPages) {
  Append(0, 5000, false, 100);
  Page page = Read(Flat(true, 4000));
  EXPECT_EQ(page.end, PageEnd::kByteLimited);
  const std::int64_t rows = page.batch->num_rows();
  EXPECT_GT(rows, 500);
  EXPECT_LT(rows, 1000);
  ASSERT_TRUE(page.next);
  EXPECT_EQ(page.next->remaining, 4000 - rows);
  std::int64_t total = rows;
  while (page.end == PageEnd::kByteLimited) {
    page = Read(Flat(true, 4000), page.next);
    total += page.batch->num_rows();
  }
  EXPECT_EQ(total, 4000);
  EXPECT_EQ(page.end, PageEnd::kRecordLimited);
  int pages = 0;
  EXPECT_EQ(ReadAll(Flat(false), &pages), Range(0, 5000));
  EXPECT_GT(pages, 5);
}

TEST_F(QueryTest, APageHasAtLeastOneRow) {
  Append(0, 2, true, 100000);
  const Page page = Read(Flat(true));
  EXPECT_EQ(Numbers(page), Range(1, 1));
  EXPECT_EQ(page.end, PageEnd::kByteLimited);
}

TEST_F(QueryTest, ColumnsAreFlatOrNested) {
  Append(0, 2);
  Query query = Flat(true);
  EXPECT_EQ(Read(query).batch->schema()->ToString(),
            "time: int64 not null\nin.tensor: list<item: float> not null\nout.y: int64 not null\n"
            "anomaly.count: uint32 not null");
  query.separator = "_";
  query.dataset = Dataset({"*", "metadata.last_model"}, {"in"});
  EXPECT_EQ(Read(query).batch->schema()->ToString(),
            "time: int64 not null\nout_y: int64 not null\nanomaly_count: uint32 not null\n"
            "metadata_last_model: string");
  query.separator = "";
  EXPECT_EQ(Read(query).batch->schema()->ToString(),
            "time: int64 not null\nout: struct<y: int64 not null> not null\n"
            "anomaly: struct<count: uint32 not null> not null\n"
            "metadata: struct<last_model: string> not null");
  EXPECT_TRUE(Read(query).batch->ValidateFull().ok());
}

TEST_F(QueryTest, AnEmptyLogIsAnEmptyTable) {
  const Page page = Read(Flat(true));
  EXPECT_EQ(page.batch->num_rows(), 0);
  EXPECT_EQ(page.batch->schema()->ToString(), "time: int64 not null");
  EXPECT_EQ(page.end, PageEnd::kAll);
  EXPECT_FALSE(page.next);
}

TEST_F(QueryTest, ForgedCursorsAreRefused) {
  Append(0, 5);
  const auto refused = [&](Cursor cursor, const Query& query) {
    const auto page = ReadPage(store_->Find(kTopic), query, cursor);
    return !page.ok() && page.status().code() == Code::kInvalidArgument;
  };
  EXPECT_TRUE(refused({-1, {}}, Flat(true)));
  EXPECT_TRUE(refused({6, {}}, Flat(false)));
  EXPECT_TRUE(refused({INT64_MAX, {}}, Flat(true)));
  EXPECT_TRUE(refused({2, 3}, Flat(true)));
  EXPECT_TRUE(refused({2, 0}, Flat(true, 5)));
  EXPECT_TRUE(refused({2, 6}, Flat(true, 5)));
  EXPECT_EQ(Numbers(Read(Flat(true, 5), Cursor{2, 5})), Range(1, 2, -1));
  EXPECT_EQ(Read(Flat(false), Cursor{5, {}}).batch->num_rows(), 0);
  EXPECT_EQ(Read(Flat(true), Cursor{0, {}}).batch->num_rows(), 0);
}

}  // namespace
}  // namespace joey::logs
