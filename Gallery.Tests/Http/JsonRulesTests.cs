using System.Text;
using Gallery.Service.Http;

namespace Gallery.Tests.Http;

public sealed class JsonRulesTests
{
    [Theory]
    [InlineData("0", 1)]
    [InlineData("-12.50", 6)]
    [InlineData("1e3", 6)]
    [InlineData("1.5E+1", 7)]
    [InlineData("1e-3", 7)]
    [InlineData("1e16383", 16_390)]
    [InlineData("1e-16383", 16_391)]
    public void A_numbers_zeros_count_toward_its_length(string number, int length) =>
        Assert.Equal(length, JsonRules.WrittenLength(Encoding.UTF8.GetBytes(number)));

    [Theory]
    [InlineData("1e16384")]
    [InlineData("1e-16384")]
    [InlineData("1.5e-16383")]
    [InlineData("0e-20000")]
    [InlineData("0e99999999999999999999999")]
    public void A_number_with_a_larger_exponent_has_no_length(string number) =>
        Assert.Null(JsonRules.WrittenLength(Encoding.UTF8.GetBytes(number)));
}
