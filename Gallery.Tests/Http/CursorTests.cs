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

        Assert.Null(Cursor.Decode("list", Cursor.Encode("list", Cursor.NumberOf(DateTime.MaxValue) + 1, Guid.NewGuid())));
    }
}
