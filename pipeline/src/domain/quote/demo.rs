//! The demonstration catalogue, and what customers write to its shop.

use std::sync::LazyLock;

use jiff::Timestamp;
use rstest::rstest;

use super::*;

static CATALOG: LazyLock<Catalog> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../../deploy/demo/catalog.json")).expect("the demo catalogue is readable"));
static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::new(&CATALOG));

/// The catalogue of the demonstration tenant.
pub(super) fn catalog() -> Catalog {
    CATALOG.clone()
}

/// A text read with it.
pub(super) fn request(text: &str) -> Request {
    LEXICON.request(text)
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_second(1_793_620_800).expect("a time in 2026")
}

/// `3 bag CEM-50 + … > postal code`, with `?` for what was not said, `~` for a doubt, `|` between candidates, and
/// unknown phrases in brackets.
fn read(text: &str) -> String {
    let request = request(text);
    let mut parts: Vec<String> = request
        .lines
        .iter()
        .map(|line| {
            let quantity = line.quantity.map_or("?".to_owned(), |quantity| quantity.to_string());
            let doubt = if line.unsure.is_empty() { "" } else { "~" };
            let sku = if line.candidates.is_empty() { line.sku.clone() } else { line.candidates.join("|") };
            format!("{quantity} {} {sku}{doubt}", line.unit)
        })
        .collect();
    parts.extend(request.unknown.iter().map(|phrase| format!("[{phrase}]")));
    let to = request.postal_code.map(|code| format!(" > {code}")).unwrap_or_default();
    let pickup = if request.pickup { " pickup" } else { "" };
    format!("{}{to}{pickup}", parts.join(" + "))
}

#[test]
fn the_catalogue_is_valid_and_survives_serialisation() {
    let catalog = catalog();
    assert_eq!(catalog.validate(), Ok(()));
    let written = serde_json::to_string(&catalog).unwrap();
    assert_eq!(serde_json::from_str::<Catalog>(&written).unwrap(), catalog);
}

#[rstest]
// English.
#[case("3 bags of cement and 2 m³ of sand to 01310-100?", "3 bag CEM-50 + 2 m3 SAND-M > 01310-100")]
#[case("3 bags of cement and 2 m3 of sand to 01310100", "3 bag CEM-50 + 2 m3 SAND-M > 01310-100")]
#[case("Hi! I need 10 bags cement, 1000 bricks and 5 m3 gravel", "10 bag CEM-50 + 1000 piece BRICK-8 + 5 m3 GRAV-1")]
#[case("3x cement", "3 bag CEM-50")]
#[case("3 × cement", "3 bag CEM-50")]
#[case("20 m² porcelain tile 60x60 cm", "20 m2 TILE-60")]
#[case("cement x3", "3 bag CEM-50")]
#[case("cement x 3, sand x 2", "3 bag CEM-50 + 2 m3 SAND-M")]
#[case("cement 3 bags and sand 2 m3", "3 bag CEM-50 + 2 m3 SAND-M")]
#[case("cement: 3\nsand: 2\ngravel: 1", "3 bag CEM-50 + 2 m3 SAND-M + 1 m3 GRAV-1")]
#[case("Cement, 3 bags; sand, 2 m3", "3 bag CEM-50 + 2 m3 SAND-M")]
#[case("cement 3 sand 2", "3 bag CEM-50 + 2 m3 SAND-M")]
#[case("three bags of cement plus half a ton of sand", "3 bag CEM-50 + 0.5 t SAND-M")]
#[case("a bag of cement please", "1 bag CEM-50")]
#[case("two dozen concrete blocks", "24 piece BLOCK-14")]
#[case("half a dozen bags of lime", "6 bag LIME-20")]
#[case("two hundred and fifty bricks", "250 piece BRICK-8")]
#[case("twenty-five bags of mortar", "25 bag MORT-20")]
#[case("2 and a half cubic meters of sand", "2.5 m3 SAND-M")]
#[case("2½ m³ of sand", "2.5 m3 SAND-M")]
#[case("1 1/2 m3 of sand", "1.5 m3 SAND-M")]
#[case("2 t of cement to zip 09010-000", "2 t CEM-50 > 09010-000")]
#[case("how much is cement?", "? bag CEM-50")]
#[case("can you deliver 10 bags of cement today?", "10 bag CEM-50")]
#[case("3 bags of cement in 2 days", "3 bag CEM-50")]
#[case("3 bags of cement, no sand", "3 bag CEM-50")]
#[case("3 bags of white cement", "3 bag CEM-50~")]
#[case("3 bags of cement and 5 unicorns", "3 bag CEM-50 + [5 unicorns]")]
#[case("cement, sand and gypsum", "? bag CEM-50 + ? m3 SAND-M + [gypsum]")]
#[case("3 bags of cemnet", "3 bag CEM-50~")]
#[case("3 bags of 25 kg cement", "3 bag CEM-50~")]
#[case("3 bags of 50 kg cement", "3 bag CEM-50")]
#[case("5 or 6 bags of cement", "6 bag CEM-50~")]
#[case("10 steel bars 10 mm", "10 bar STEEL-10")]
#[case("10 rebar", "10 bar STEEL-10|STEEL-8")]
#[case("4 pvc pipes 100 mm", "4 piece PVC-100")]
#[case("4 pvc pipes", "4 piece PVC-100|PVC-50")]
#[case("1,000 bricks", "1000 piece BRICK-8")]
#[case("3 gallons of cement", "3 gal CEM-50")]
#[case("10 bags of cement, I will pick up", "10 bag CEM-50 pickup")]
#[case("5 bags of cement to 90210", "5 bag CEM-50 > 90210")]
#[case("3 bags of cement or 4 bags of lime", "3 bag CEM-50 + 4 bag LIME-20~")]
#[case("20 bags of cement & 3 truckloads of gravel", "20 bag CEM-50 + 3 truck GRAV-1")]
#[case("500 bricks (red) to Hill Road 1200, 01310-100", "500 piece BRICK-8 > 01310-100")]
// Portuguese.
#[case("*10 sacos* de cimento", "10 bag CEM-50")]
#[case("opa, me vê 10 saco de cimento e 1 metro de areia", "10 bag CEM-50 + 1 m SAND-M")]
#[case("3sacos de cimento e 2m3 de areia p/ 01310-100", "3 bag CEM-50 + 2 m3 SAND-M > 01310-100")]
#[case("100 tijolos e um carrinho de mão", "100 piece BRICK-8 + [um carrinho de mão]")]
#[case("dá pra fazer 5% de desconto em 30 sacos de cimento?", "30 bag CEM-50")]
#[case("3 sacos de cimento e 2 m³ de areia para 01310-100?", "3 bag CEM-50 + 2 m3 SAND-M > 01310-100")]
#[case("Bom dia, quero três sacos de cimento", "3 bag CEM-50")]
#[case("Oi, quanto fica 1.000 tijolos e meio milheiro de blocos de concreto?", "1000 piece BRICK-8 + 500 piece BLOCK-14")]
#[case("preciso de 2,5 m3 de areia, cep 01310 100", "2.5 m3 SAND-M > 01310-100")]
#[case("preciso de 2,5 metros cúbicos de areia média", "2.5 m3 SAND-M")]
#[case("uma dúzia de sacos de cal", "12 bag LIME-20")]
#[case("2 milheiros de tijolo", "2000 piece BRICK-8")]
#[case("dois mil e quinhentos tijolos", "2500 piece BRICK-8")]
#[case("vinte e cinco sacos de argamassa", "25 bag MORT-20")]
#[case("03 sacos de cimento", "3 bag CEM-50")]
#[case("cimento 50 sacos, brita 3 m3, entrega no cep 06010-000", "50 bag CEM-50 + 3 m3 GRAV-1 > 06010-000")]
#[case("10 barras de ferro 10mm e 5 de 8mm", "10 bar STEEL-10 + [5 de 8mm]")]
#[case("10 ferro 3/8", "10 bar STEEL-10")]
#[case("3 latas de tinta branca", "3 can PAINT-18")]
#[case("1 tonelada de cimento", "1 t CEM-50")]
#[case("meia tonelada de areia", "0.5 t SAND-M")]
#[case("simento 3 sacos", "3 bag CEM-50~")]
#[case("3 sacos de cimento 50kg", "3 bag CEM-50")]
#[case("3 sacos de cimento de 25kg", "3 bag CEM-50~")]
#[case("não quero 3 sacos de cimento", "3 bag CEM-50~")]
#[case("um orçamento de 3 sacos de cimento, por favor", "3 bag CEM-50")]
#[case("um saco de cimento", "1 bag CEM-50")]
#[case("quero cimento, 10 sacos, vou retirar", "10 bag CEM-50 pickup")]
#[case("30 m2 de porcelanato + 4 sacos de argamassa", "30 m2 TILE-60 + 4 bag MORT-20")]
#[case("Sou Pedro, quero 3 sacos de cimento para dia 15", "3 bag CEM-50")]
#[case("5 sacos de cimento R$ 38,90", "5 bag CEM-50")]
#[case("2 caminhões de areia para 01.310-100", "2 truck SAND-M > 01310-100")]
#[case("cal 2 e meia dúzia de blocos de concreto", "2 bag LIME-20 + 6 piece BLOCK-14")]
// Spanish.
#[case("3 sacos de cemento y 2 m³ de arena a 01310-100", "3 bag CEM-50 + 2 m3 SAND-M > 01310-100")]
#[case("Hola, necesito quinientos ladrillos y treinta y cinco bolsas de cemento", "500 piece BRICK-8 + 35 bag CEM-50")]
#[case("¿Cuánto cuestan dos metros cúbicos de grava?", "2 m3 GRAV-1")]
#[case("una docena de varillas 8 mm", "12 bar STEEL-8")]
#[case("media tonelada de arena y un saco de cal", "0.5 t SAND-M + 1 bag LIME-20")]
#[case("quiero 4 tubos pvc de 100 mm, código postal 28013", "4 piece PVC-100 > 28013")]
#[case("mil ladrillos", "1000 piece BRICK-8")]
#[case("2 láminas de malla soldada", "2 sheet MESH-Q92")]
// Nothing is asked for.
#[case("Bom dia, tudo bem?", "")]
#[case("Hello, are you open on Sunday at 10:30?", "")]
#[case("meu telefone é +55 11 98765-4321", "")]
#[case("01310-100", " > 01310-100")]
#[case("", "")]
fn texts_are_read(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(read(text), expected, "{text}");
}
