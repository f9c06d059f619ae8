using System.Text;
using Gallery.Service.Http;

namespace Gallery.Tests.Http;

public sealed class JsonNumberTests
{
    [Theory]
    [InlineData("0", 1)]
    [InlineData("-0", 2)]
    [InlineData("123", 3)]
    [InlineData("-12.50", 6)]
    [InlineData("1e3", 4)]
    [InlineData("1.5e3", 4)]
    [InlineData("1.5E+1", 2)]
    [InlineData("1e-3", 5)]
    [InlineData("0.00001e5", 1)]
    [InlineData("0.00123e1", 6)]
    [InlineData("0e200000", 1)]
    [InlineData("1e131071", 131_072)]
    [InlineData("0.1e131072", 131_072)]
    [InlineData("1e-16383", 16_385)]
    public void A_number_is_measured_as_written_out_in_full(string number, int length) =>
        Assert.Equal(length, JsonNumber.WrittenLength(Encoding.UTF8.GetBytes(number)));

    [Theory]
    [InlineData("1e131072")]
    [InlineData("10e131071")]
    [InlineData("1e-16384")]
    [InlineData("1.5e-16383")]
    [InlineData("0e-20000")]
    [InlineData("0e1073741823")]
    [InlineData("1e1073741824")]
    [InlineData("0e99999999999999999999999")]
    public void A_number_that_numeric_can_not_hold_has_no_length(string number) =>
        Assert.Null(JsonNumber.WrittenLength(Encoding.UTF8.GetBytes(number)));
}
