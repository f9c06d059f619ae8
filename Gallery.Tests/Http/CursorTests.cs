using Gallery.Service.Http;

namespace Gallery.Tests.Http;

public sealed class CursorTests
{
    [Fact]
    public void A_cursor_leads_to_the_first_and_to_the_last_time_that_an_image_can_have()
    {
        foreach (var ticks in new[] { 0, DateTime.MaxValue.Ticks / TimeSpan.TicksPerMicrosecond * TimeSpan.TicksPerMicrosecond })
        {
            var (at, id) = (new DateTime(ticks, DateTimeKind.Utc), Guid.NewGuid());

            Assert.Equal((Cursor.NumberOf(at), id, ""), Cursor.Decode("list", Cursor.Encode("list", Cursor.NumberOf(at), id)));
            Assert.Equal(at, Cursor.TimeOf(Cursor.NumberOf(at)));
        }

        Assert.Equal(Cursor.TimeOf(Cursor.NumberOf(DateTime.MaxValue)), Cursor.TimeOf(long.MaxValue));
    }

    [Fact]
    public void A_number_that_is_no_time_may_be_any_but_a_negative_one()
    {
        Assert.Equal(9_000_000_000_000_000_001, Cursor.Decode("list", Cursor.Encode("list", 9_000_000_000_000_000_001, Guid.Empty))?.Number);
        Assert.Null(Cursor.Decode("list", Cursor.Encode("list", -1, Guid.Empty)));
    }
}
